"""Compiled decoding draws what the eager loop draws, whichever policies a role names and however they have moved."""

import pytest
import torch

from llm_bridge.decoding import compiled
from llm_bridge.decoding.compiled import CompiledEngine, static_cache
from llm_bridge.decoding.eager import sample
from llm_bridge.decoding.roles import Role, mixture, pure
from llm_bridge.policy import CausalPolicy
from nashsim.errors import NashsimError
from tests.llm_bridge import models

PROMPTS = [(1, 2), (3,), (1, 2, 3, 4), (3,)]
ROLES = {
    "y": pure(),
    "opponent": mixture(0.4, seed=1),
    "past": pure("old"),
    "greedy": Role({"old": 1.0}, greedy=True),
}


def same(a, b):
    for name in a:
        assert a[name].sequences.responses() == b[name].sequences.responses(), name
        # Rotary angles are float32 even in a float64 model, and fused kernels round them differently.
        torch.testing.assert_close(a[name].log_probs, b[name].log_probs, rtol=0, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_compiled_and_eager_draw_the_same(kind):
    policy = models.policy(kind, pad=5)
    policy.snapshot("old")
    models.shake(policy, 0.3, seed=5)
    engine = CompiledEngine(pad_to=4)
    same(engine(policy, PROMPTS, ROLES, 6), sample(policy, PROMPTS, ROLES, 6))
    # Weights are read anew at every call, those of past iterates too.
    models.shake(policy, 0.3, seed=6)
    policy.snapshot("old")
    models.shake(policy, 0.3, seed=7)
    same(engine(policy, PROMPTS, ROLES, 6), sample(policy, PROMPTS, ROLES, 6))


def test_shapes_and_masks_without_compiling(monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda f, **_: f)
    policy = models.policy("llama", pad=5)
    policy.snapshot("old")
    models.shake(policy, 0.3, seed=5)
    same(CompiledEngine(pad_to=4)(policy, PROMPTS, ROLES, 6), sample(policy, PROMPTS, ROLES, 6))


def windowed(kind, window):
    """A model whose layers, all or some, attend to the last few tokens alone."""
    import transformers as hf

    shape = {
        "vocab_size": 40, "hidden_size": 32, "intermediate_size": 48, "num_attention_heads": 4,
        "num_key_value_heads": 2, "max_position_embeddings": 64, "initializer_range": 0.25,
        "eos_token_id": 1, "pad_token_id": 0, "bos_token_id": 2, "sliding_window": window,
    }  # fmt: skip
    head = {"head_dim": 8, "query_pre_attn_scalar": 8}
    config = {
        "mistral": lambda: hf.MistralConfig(**shape, num_hidden_layers=2),
        "starcoder2": lambda: hf.Starcoder2Config(**shape, num_hidden_layers=2),
        "phi3": lambda: hf.Phi3Config(**shape, num_hidden_layers=2),
        "gemma3": lambda: hf.Gemma3TextConfig(**shape, **head, num_hidden_layers=6),
    }[kind]
    policy = CausalPolicy.from_config(config(), seed=3)
    models.shake(policy, 0.1, seed=5)
    return policy


def same_within_windows(kind, window):
    policy = windowed(kind, window)
    generator = torch.Generator().manual_seed(5)
    prompts = [tuple(torch.randint(5, 40, (n,), generator=generator).tolist()) for n in (3, 11, 1, 17, 6)]
    roles = {"y": pure(seed=3), "opponent": mixture(0.25, seed=4)}
    found, exact = CompiledEngine()(policy, prompts, roles, 16), sample(policy, prompts, roles, 16)
    for name in roles:
        assert found[name].sequences.responses() == exact[name].sequences.responses()
        # Sums of sixteen numbers down to -60, in float32.
        torch.testing.assert_close(found[name].log_probs, exact[name].log_probs, rtol=0, atol=1e-4)


@pytest.mark.parametrize("kind", ["mistral", "starcoder2", "phi3", "gemma3"])
def test_windows_narrow_what_a_layer_attends_to_but_not_what_it_keeps(kind, monkeypatch):
    """A compiled step is not checked again, so no layer's cache may change what it does once its window is full."""
    monkeypatch.setattr(torch, "compile", lambda f, **_: f)
    caches = []
    monkeypatch.setattr(
        compiled, "static_cache", lambda *given: caches.append(static_cache(*given)) or caches[-1]
    )
    same_within_windows(kind, 6)
    assert caches and not any(any(cache.is_sliding) for cache in caches)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "window"), [("mistral", 6), ("mistral", 64), ("gemma3", 6)])
def test_windows_compiled(kind, window):
    same_within_windows(kind, window)


def test_a_reference_without_weights_of_its_own_is_refused(monkeypatch):
    peft = pytest.importorskip("peft")
    base = models.policy("llama").model
    adapted = peft.get_peft_model(base, peft.LoraConfig(r=2, target_modules=["q_proj"]))
    policy = CausalPolicy(adapted, eos=0, pad=5)
    with pytest.raises(NashsimError, match="adapters switched off"):
        CompiledEngine()(policy, PROMPTS, {"y": mixture(0.5)}, 3)
    with pytest.raises(NashsimError, match="pad_to"):
        CompiledEngine(pad_to=0)
