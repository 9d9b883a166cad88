"""References and past iterates stand still, and padding changes nothing."""

from contextlib import nullcontext

import pytest
import torch
from transformers import AutoModelForCausalLM

from llm_bridge.policy import CausalPolicy
from llm_bridge.policy.sequences import Sequences, position_ids
from nashsim import NashsimError

from ..models import config, policy, shake

PROMPTS = [(1, 2, 3, 4), (2,), (5, 1)]
RESPONSES = [(3, 1, 0), (4, 4, 4, 2), (0,)]


def batch(side="left"):
    return Sequences.of(PROMPTS, RESPONSES, side=side)


def by_hand(made, prompt, response, temperature=1.0):
    """log pi(y_t | x, y_<t) of one unpadded row, from the model's own logits."""
    ids = torch.tensor([[*prompt, *response]])
    with torch.no_grad():
        logits = made.model(input_ids=ids).logits[0].double() / temperature
    table = logits.log_softmax(-1)
    return torch.stack([table[len(prompt) + t - 1, token] for t, token in enumerate(response)])


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_of_either_side_and_none_give_the_same_log_probs(kind, side):
    made = policy(kind)
    found = made.token_log_probs(batch(side)).detach()
    for row, prompt, response in zip(found, PROMPTS, RESPONSES, strict=True):
        assert (row[: len(response)] - by_hand(made, prompt, response)).abs().max() < 1e-5
        assert row[len(response) :].abs().sum() == 0


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_the_padding_test_sees_positions_and_masks_that_are_left_out(kind, monkeypatch):
    made = policy(kind)
    exact = made.token_log_probs(batch()).detach()
    if kind == "gpt2":  # rotary positions are relative: a shift is harmless there
        with monkeypatch.context() as m:
            m.setattr(
                "llm_bridge.policy.log_probs.position_ids",
                lambda mask: torch.arange(mask.shape[1]).expand(mask.shape),
            )
            assert (made.token_log_probs(batch()).detach() - exact).abs().max() > 1e-3
    with monkeypatch.context() as m:
        m.setattr(Sequences, "packed", _unmasked(Sequences.packed))
        assert (made.token_log_probs(batch()).detach() - exact).abs().max() > 1e-3


def _unmasked(packed):
    def forget(self):
        ids, mask = packed(self)
        return ids, torch.ones_like(mask)

    return forget


def test_positions_count_real_tokens():
    mask = torch.tensor([[0, 0, 1, 1], [1, 0, 1, 1]]).bool()
    assert position_ids(mask).tolist() == [[0, 0, 0, 1], [0, 0, 1, 2]]


def test_temperature_is_part_of_the_policy():
    made = policy(temperature=0.5)
    found = made.token_log_probs(batch()).detach()
    assert (found[0, :3] - by_hand(made, PROMPTS[0], RESPONSES[0], 0.5)).abs().max() < 1e-6
    assert (found[0, :3] - by_hand(made, PROMPTS[0], RESPONSES[0])).abs().max() > 1e-2


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_chunks_hold_no_more_than_stated_and_change_nothing(kind, monkeypatch):
    made = policy(kind)
    whole = made.sequence_log_probs(batch()).sum()
    slopes = torch.autograd.grad(whole, made.parameters())
    made.module.chunk_bytes = 2 * 6 * 8
    seen = []
    head = made.module._logits
    monkeypatch.setattr(made.module, "_logits", lambda hidden: seen.append(head(hidden)) or seen[-1])
    chunked = made.sequence_log_probs(batch()).sum()
    pieces = torch.autograd.grad(chunked, made.parameters())
    assert max(logits.numel() * 8 for logits in seen) <= 2 * 6 * 8 and len(seen) >= 2 * 6
    assert (whole - chunked).detach().abs() < 1e-10
    assert all((a - b).abs().max() < 1e-6 for a, b in zip(slopes, pieces, strict=True))
    made.module.known_head = False  # the path of models with heads of their own: whole rows at a time
    made.module.chunk_bytes = 5 * 6 * 8
    rows = made.sequence_log_probs(batch()).sum()
    assert (whole - rows).detach().abs() < 1e-10
    made.module.chunk_bytes = 8
    with pytest.raises(NashsimError, match="chunk_bytes"):
        made.sequence_log_probs(batch())


def test_past_iterates_and_reference_stand_still_while_the_policy_trains():
    made = policy()
    made.snapshot("old")
    before = {
        name: made.sequence_log_probs(batch(), name).detach() for name in ("policy", "reference", "old")
    }
    shake(made, 0.3, 7)
    after = {name: made.sequence_log_probs(batch(), name).detach() for name in before}
    assert (after["policy"] - before["policy"]).abs().max() > 1e-2
    assert torch.equal(after["reference"], before["reference"]) and torch.equal(after["old"], before["old"])
    made.snapshot("reference")
    assert torch.equal(made.sequence_log_probs(batch(), "reference"), after["policy"])


def test_an_average_is_of_parameters():
    made = policy()
    made.snapshot("start")
    start = [p.detach().clone() for p in made.parameters()]
    shake(made, 0.3, 7)
    made.average({"start": 0.9, "policy": 0.1}, "average")
    twin = policy()
    with torch.no_grad():
        for p, old, new in zip(twin.parameters(), start, made.parameters(), strict=True):
            p.copy_(0.9 * old + 0.1 * new)
    found = made.sequence_log_probs(batch(), "average")
    assert (found - twin.sequence_log_probs(batch())).detach().abs().max() < 1e-9


@pytest.fixture
def lora():
    peft = pytest.importorskip("peft")
    torch.manual_seed(0)
    base = policy("llama").model
    options = peft.LoraConfig(r=2, target_modules=["q_proj", "v_proj", "down_proj"], lora_dropout=0.5)
    return base, CausalPolicy(peft.get_peft_model(base, options), eos=0)


def trained_adapters(made):
    """Log-probabilities of a past iterate, then of the policy, the reference and that iterate after training."""
    shake(made, 0.3, 3)
    made.snapshot("old")
    old = made.sequence_log_probs(batch(), "old")
    optimiser = torch.optim.SGD(made.parameters(), lr=1e-2)
    for _ in range(3):
        optimiser.zero_grad()
        made.sequence_log_probs(batch()).sum().backward()
        optimiser.step()
    return old, *(made.sequence_log_probs(batch(), name).detach() for name in ("policy", "reference", "old"))


def never_wrapped():
    return policy("llama").sequence_log_probs(batch()).detach()


def test_lora_reference_is_the_base_exactly_and_past_adapters_stand_still(lora):
    _, made = lora
    old, after, reference, kept = trained_adapters(made)
    assert torch.equal(reference, never_wrapped())
    assert torch.equal(kept, old)
    assert (after - old).abs().max() > 1e-3 and (old - reference).abs().max() > 1e-3
    assert sum(p.numel() for p in made._past["old"].values()) == sum(p.numel() for p in made.parameters())
    assert all("lora" in name for name in made._past["old"])


def test_lora_reference_with_adapters_on_would_be_seen(lora, monkeypatch):
    """The planted fault: the policy as its own reference."""
    _, made = lora
    monkeypatch.setattr(made.model, "disable_adapter", nullcontext)
    _, after, reference, _ = trained_adapters(made)
    assert torch.equal(reference, after) and not torch.equal(reference, never_wrapped())


def test_past_adapters_that_train_along_would_be_seen(lora, monkeypatch):
    """The planted fault: an iterate that is a name for the live weights, no copy of them."""
    _, made = lora
    monkeypatch.setattr(CausalPolicy, "snapshot", lambda self, name: self._write(name, self._live()))
    old, *_, kept = trained_adapters(made)
    assert not torch.equal(kept, old)


def test_lora_reference_refresh_keeps_the_base(lora):
    _, made = lora
    shake(made, 0.3, 3)
    made.snapshot("reference")
    kept = made.sequence_log_probs(batch()).detach()
    shake(made, 0.3, 4)
    assert torch.equal(made.sequence_log_probs(batch(), "reference"), kept)


def test_another_model_as_reference():
    other = policy(seed=5).model
    made = CausalPolicy(policy().model, reference=other)
    twin = CausalPolicy(policy(seed=5).model)
    assert torch.equal(
        made.sequence_log_probs(batch(), "reference"), twin.sequence_log_probs(batch()).detach()
    )


def test_saved_models_come_back(tmp_path):
    made = policy("llama")
    made.model.save_pretrained(tmp_path)
    again = CausalPolicy.from_pretrained(tmp_path, dtype=torch.float64)
    assert torch.equal(again.sequence_log_probs(batch()), made.sequence_log_probs(batch()))


def test_bad_input_is_named():
    model = AutoModelForCausalLM.from_config(config("gpt2"))
    for options, match in (
        ({"reference": model}, "shares parameters"),
        ({"reference": "adapter-off"}, "no adapters"),
        ({"reference": "base"}, "'base'"),
        ({"temperature": 0.0}, "temperature"),
    ):
        with pytest.raises(NashsimError, match=match):
            CausalPolicy(model, **options)
    made = CausalPolicy(model)
    with pytest.raises(NashsimError, match="policy"):
        made.snapshot("policy")
    with pytest.raises(NashsimError, match="did you mean 'reference'"):
        made.sequence_log_probs(batch(), "referense")
    with pytest.raises(NashsimError, match="padded on the right"):
        Sequences(*[torch.ones(1, 2).long(), torch.ones(1, 2).bool()], torch.ones(1, 2).long(),
                  torch.tensor([[False, True]]))  # fmt: skip
    with pytest.raises(NashsimError, match="at least one token"):
        Sequences.of([()], [(1,)])
