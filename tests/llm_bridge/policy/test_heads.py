"""Heads that scale or cap logits, and heads of a model's own, held against a plain forward of each unpadded row."""

import functools

import pytest
import torch
import transformers as hf

from llm_bridge.decoding.eager import sample
from llm_bridge.decoding.roles import pure
from llm_bridge.policy import CausalPolicy
from llm_bridge.policy.sequences import Sequences

SHAPE = {
    "vocab_size": 40, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 64, "initializer_range": 0.25,
    "bos_token_id": 2, "eos_token_id": 1, "pad_token_id": 0,
}  # fmt: skip
GEMMA = {"head_dim": 8, "query_pre_attn_scalar": 8}
#: Padding has a row of zeros in all embeddings, so that its logits are zero however they are scaled or capped.
CONFIGS = {
    "gemma2": hf.Gemma2Config(**SHAPE, **GEMMA),
    "gemma3": hf.Gemma3TextConfig(**SHAPE, **GEMMA, final_logit_softcapping=5.0),
    "vaultgemma": hf.VaultGemmaConfig(**SHAPE, **GEMMA),
    "cohere": hf.CohereConfig(**SHAPE),
    "cohere2": hf.Cohere2Config(**SHAPE),
    "granite": hf.GraniteConfig(**SHAPE, logits_scaling=8.0),
}
PROMPTS = [(5, 6, 7, 8), (9,), (30, 31, 32)]
RESPONSES = [(9, 10, 11, 12, 1), (20, 1), (33, 34, 35, 36, 37, 38)]


class Divided(hf.LlamaForCausalLM):
    """A head that no configuration tells of."""

    @functools.wraps(hf.LlamaForCausalLM.forward)
    def forward(self, *args, **options):
        found = super().forward(*args, **options)
        found.logits = found.logits / 3
        return found


class Capped(hf.LlamaForCausalLM):
    """A cap so far off that the logits of fresh weights pass below it unchanged, to rounding."""

    @functools.wraps(hf.LlamaForCausalLM.forward)
    def forward(self, *args, **options):
        found = super().forward(*args, **options)
        found.logits = found.logits.clamp(-400, 400)
        return found


def fresh(kind):
    torch.manual_seed(0)
    if isinstance(kind, str):
        return hf.AutoModelForCausalLM.from_config(CONFIGS[kind])
    return kind(hf.LlamaConfig(**SHAPE))


def plain(model, prompt, response):
    """log pi(y | x) of one unpadded row by the model's own forward."""
    table = model(input_ids=torch.tensor([[*prompt, *response]])).logits.double().log_softmax(-1)[0]
    return sum(table[len(prompt) - 1 + t, token] for t, token in enumerate(response))


@pytest.mark.parametrize("kind", [*CONFIGS, Divided, Capped])
@pytest.mark.parametrize("tokens", [7, 1000])
def test_log_probs_and_gradients_are_those_of_a_plain_forward(kind, tokens):
    """Logits all at once, and in the smallest chunks that both ways allow: a row of six tokens and the one before."""
    model = fresh(kind)
    policy = CausalPolicy(model, chunk_bytes=tokens * 40 * 4)
    assert policy.module.known_head == isinstance(kind, str)
    found = policy.sequence_log_probs(Sequences.of(PROMPTS, RESPONSES, side="right"))
    exact = torch.stack([plain(model, x, y) for x, y in zip(PROMPTS, RESPONSES, strict=True)])
    # Sums of up to -30 in float32, each rounded 1e-7 of itself at some hundred places.
    assert (found - exact).detach().abs().max() < 2e-4
    mine, theirs = (torch.autograd.grad(part.sum(), policy.parameters()) for part in (found, exact))
    assert all((a - b).norm() < 1e-4 * b.norm() for a, b in zip(mine, theirs, strict=True))


@pytest.mark.parametrize("kind", CONFIGS)
def test_samples_are_scored_as_they_were_drawn(kind):
    model = fresh(kind)
    drawn = sample(CausalPolicy(model), PROMPTS, {"y": pure()}, 8)["y"]
    with torch.no_grad():
        exact = torch.stack(
            [plain(model, x, y) for x, y in zip(PROMPTS, drawn.sequences.responses(), strict=True)]
        )
    assert (drawn.log_probs - exact).abs().max() < 2e-4


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_a_head_of_zeros_and_a_far_cap_prove_nothing(dtype):
    for kind in (hf.LlamaForCausalLM, Divided, Capped):
        model = fresh(kind).to(dtype)
        assert CausalPolicy(model).module.known_head == (kind is hf.LlamaForCausalLM)
        torch.nn.init.zeros_(model.lm_head.weight)
        assert not CausalPolicy(model).module.known_head
