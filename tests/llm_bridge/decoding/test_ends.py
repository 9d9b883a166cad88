"""Any of several end tokens ends a response, in eager and compiled decoding, in masks, scores and statistics."""

import pytest
import torch

from llm_bridge.decoding.compiled import CompiledEngine
from llm_bridge.decoding.eager import sample
from llm_bridge.decoding.roles import pure
from llm_bridge.evaluation.text_measure import response_statistics
from llm_bridge.policy import CausalPolicy
from tests.llm_bridge import models

PROMPTS = [(1, 2), (3,), (1, 2, 3, 4)] * 4


@pytest.mark.parametrize("compiled", [False, True])
def test_any_end_ends_a_response(compiled, monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda f, **_: f)
    model = models.policy("llama").model
    engine = CompiledEngine(pad_to=4) if compiled else sample
    one, many = CausalPolicy(model, eos=0, pad=5), CausalPolicy(model, eos=(0, 3), pad=5)
    drawn = {p: engine(p, PROMPTS, {"y": pure()}, 8)["y"] for p in (one, many)}
    # The same random numbers: a response goes on just as before, up to the first of its ends.
    cut = [tuple(y[: y.index(3) + 1]) if 3 in y else y for y in drawn[one].sequences.responses()]
    assert drawn[many].sequences.responses() == cut and any(y[-1] == 3 for y in cut)
    scored = many.sequence_log_probs(drawn[many].sequences)
    torch.testing.assert_close(drawn[many].log_probs, scored.detach(), rtol=0, atol=1e-5)
    statistics = response_statistics(many, drawn[many].sequences)
    assert statistics["cut_off"] == pytest.approx(sum(y[-1] not in (0, 3) for y in cut) / len(cut))


def test_the_configurations_of_a_model_name_its_ends():
    model = models.policy("llama").model
    assert CausalPolicy(model).ends == (0,)
    model.generation_config.eos_token_id = [4, 0]
    assert CausalPolicy(model).ends == (0, 4) and CausalPolicy(model).eos == 0
    assert CausalPolicy(model, eos=3).ends == (3,)
    model.config.eos_token_id = [2, 4]
    assert CausalPolicy(model).ends == (2, 4, 0)
