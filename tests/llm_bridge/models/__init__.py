"""Models small enough to enumerate: 2 layers, width 16, vocabulary at most 8."""

import torch
from transformers import GPT2Config, LlamaConfig

from llm_bridge.policy import CausalPolicy
from llm_bridge.training.minibatches import losses_of

torch.set_num_threads(1)


def config(kind, vocabulary=6):
    if kind == "gpt2":
        return GPT2Config(
            vocab_size=vocabulary,
            n_positions=32,
            n_embd=16,
            n_layer=2,
            n_head=2,
            bos_token_id=1,
            eos_token_id=0,
        )
    return LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=32,
        bos_token_id=1,
        eos_token_id=0,
    )


def policy(kind="gpt2", vocabulary=6, spread=0.5, dtype=torch.float64, seed=0, **options):
    """A policy far from uniform: fresh weights are nearly so, and would hide most faults."""
    made = CausalPolicy.from_config(config(kind, vocabulary), dtype=dtype, seed=seed, **options)
    shake(made, spread, seed + 1)
    made.snapshot("reference")
    return made


def shake(made, spread, seed):
    """Add noise to every trainable weight, as a step of training would."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in made.parameters():
            weight += spread * torch.randn(weight.shape, generator=generator, dtype=torch.float64).to(weight)


def loss_of(*told):
    """The algorithm's loss on a batch, the sum of its parts."""
    return sum(losses_of(*told))
