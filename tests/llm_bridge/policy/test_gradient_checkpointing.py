"""Checkpointed layers run twice, and every number stays the same to the last bit."""

import pytest
import torch
from transformers import AutoModelForCausalLM, OPTConfig

from llm_bridge.decoding.eager import sample
from llm_bridge.decoding.roles import pure
from llm_bridge.models.adapters import with_adapters
from llm_bridge.policy import CausalPolicy
from llm_bridge.policy.gradient_checkpointing import checkpoint_layers
from llm_bridge.policy.sequences import Sequences
from nashsim.errors import NashsimError
from tests.llm_bridge import models

BATCH = Sequences.of([(2, 3), (4,)], [(3, 2, 0), (5, 0)], 0)


def config(kind):
    if kind != "opt":
        return models.config(kind)
    # Its layers drop out in their own forward, by their own mode: training mode would not do.
    return OPTConfig(
        vocab_size=6, hidden_size=16, ffn_dim=32, num_hidden_layers=2, num_attention_heads=2, dropout=0.5,
        word_embed_proj_dim=16, max_position_embeddings=32, bos_token_id=1, eos_token_id=0, pad_token_id=0,
    )  # fmt: skip


def told(kind, rank, again):
    """Loss, gradients, samples, the reference's numbers, and how often a part of a layer ran in one loss."""
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config(kind)).double()
    layers = checkpoint_layers(model) if again else 2
    part = next(m for n, m in model.named_modules() if n.endswith((".0.mlp", ".0.fc1")))
    policy = CausalPolicy(with_adapters(model, rank) if rank else model)
    models.shake(policy, 0.3, 1)
    runs = []
    part.register_forward_pre_hook(lambda *_: runs.append(1))
    loss = policy.sequence_log_probs(BATCH).sum()
    loss.backward()
    count = len(runs)
    drawn = sample(policy, [(2, 3), (4,)], {"y": pure(seed=1)}, 5)["y"].sequences.responses()
    gradients = [p.grad for p in policy.parameters()]
    return (
        layers,
        loss.item(),
        gradients,
        drawn,
        policy.sequence_log_probs(BATCH, "reference").tolist(),
        count,
    )


@pytest.mark.parametrize("rank", [0, 2])
@pytest.mark.parametrize("kind", ["llama", "gpt2", "opt"])
def test_layers_are_computed_twice_to_the_same_numbers(kind, rank):
    *plain, once = told(kind, rank, False)
    *again, twice = told(kind, rank, True)
    assert (once, twice) == (1, 2)
    for a, b in zip(plain[2], again[2], strict=True):
        assert torch.equal(a, b)
    assert plain[:2] + plain[3:] == again[:2] + again[3:]


def kept_for_backward(again):
    model = AutoModelForCausalLM.from_config(models.config("llama"))
    if again:
        checkpoint_layers(model)
    sizes = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: sizes.append(t.numel()) or t, lambda t: t):
        CausalPolicy(model).sequence_log_probs(BATCH).sum()
    return sum(sizes)


def test_less_is_kept_for_the_backward_pass():
    assert kept_for_backward(True) < kept_for_backward(False) / 2


def test_a_model_without_layers_is_refused():
    with pytest.raises(NashsimError, match="Linear has no layers"):
        checkpoint_layers(torch.nn.Linear(2, 2))
