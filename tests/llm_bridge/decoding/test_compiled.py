"""Compiled decoding draws what the eager loop draws, whichever policies speak and however they have moved."""

import pytest
import torch

from llm_bridge.decoding.compiled import CompiledEngine
from llm_bridge.decoding.eager import Role, mixture, pure, sample
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


def test_a_reference_without_weights_of_its_own_is_refused(monkeypatch):
    peft = pytest.importorskip("peft")
    from llm_bridge.policy import CausalPolicy

    base = models.policy("llama").model
    adapted = peft.get_peft_model(base, peft.LoraConfig(r=2, target_modules=["q_proj"]))
    policy = CausalPolicy(adapted, eos=0, pad=5)
    with pytest.raises(NashsimError, match="adapters switched off"):
        CompiledEngine()(policy, PROMPTS, {"y": mixture(0.5)}, 3)
    with pytest.raises(NashsimError, match="pad_to"):
        CompiledEngine(pad_to=0)
