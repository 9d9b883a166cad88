"""The step over allocated caches is the model's forward to the last bit; cheaper products stay within their bounds."""

from functools import partial

import pytest
import torch

from llm_bridge.decoding import eager, token_step
from llm_bridge.decoding.eager import sample
from llm_bridge.decoding.products import PRECISIONS, levels, products, turned
from llm_bridge.decoding.roles import mixture, pure
from llm_bridge.decoding.token_step import Precision, TokenStep
from llm_bridge.evaluation.text_measure import TextMeasure
from llm_bridge.models.adapters import with_adapters
from llm_bridge.policy import CausalPolicy
from nashsim.errors import NashsimError
from tests.llm_bridge.architectures import model

PROMPTS = [(5, 6, 7, 8, 9), (10, 11), (12,), (10, 11), (13, 14, 15, 16, 17, 18, 19)]
ROLES = {"y": pure(seed=3), "opponent": mixture([0.0, 0.3, 1.0, 0.5, 0.2], seed=4)}


def made(kind="llama", dtype=torch.float32, rank=0):
    found = model(kind, dtype)
    policy = CausalPolicy(with_adapters(found, rank) if rank else found)
    with torch.no_grad():
        for k, weight in enumerate(policy.parameters()):
            weight += 0.05 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(k)).to(dtype)
    return policy


def same(one, other):
    return all(
        one[role].sequences.responses() == other[role].sequences.responses()
        and torch.equal(one[role].log_probs, other[role].log_probs)
        for role in ROLES
    )


@pytest.mark.parametrize("rank", [0, 4])
@pytest.mark.parametrize("kind", ["llama", "llama-llama3", "gpt2", "qwen3"])
def test_samples_and_log_probabilities_are_bit_for_bit_those_of_the_forward(kind, rank, monkeypatch):
    policy = made(kind, rank=rank)
    policy.snapshot("past")
    roles = ROLES | {"past": pure("past", seed=5)}
    found = sample(policy, PROMPTS, roles, 24)
    for name in ("policy", "reference", "past"):
        step = token_step.token_step(policy, name)
        assert (step.verified is True) if kind.startswith("llama") else (step is None)
    monkeypatch.setattr(eager, "token_step", lambda *_: None)
    assert same(found, sample(policy, PROMPTS, roles, 24))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_types_too(dtype, monkeypatch):
    policy = made(dtype=dtype)
    found = sample(policy, PROMPTS, ROLES, 24)
    monkeypatch.setattr(eager, "token_step", lambda *_: None)
    assert same(found, sample(policy, PROMPTS, ROLES, 24))


def test_a_step_that_computes_something_else_is_not_used(monkeypatch):
    policy = made()
    monkeypatch.setattr(TokenStep, "_attend", lambda self, query, *_: query.transpose(1, 2).flatten(2))
    found = sample(policy, PROMPTS, ROLES, 24)
    assert token_step.token_step(policy, "policy").verified is False
    monkeypatch.undo()
    monkeypatch.setattr(eager, "token_step", lambda *_: None)
    assert same(found, sample(policy, PROMPTS, ROLES, 24))


def linear(rows, columns, seed):
    found = torch.nn.Linear(columns, rows, bias=False)
    torch.nn.init.normal_(found.weight, generator=torch.Generator().manual_seed(seed))
    return found


def bound(x, w, precision):
    """Most that an entry of x W^T may be wrong by, its factors each rounded to nearest."""
    if precision == "float32":
        return torch.zeros(1)
    if precision == "bfloat16":  # 8 bits of a number: 2^-9 of it, of both factors, and of the result
        return ((1 + 2.0**-9) ** 2 - 1) * (x.abs() @ w.abs().T) * (1 + 2.0**-9) + 2.0**-9 * (x @ w.T).abs()
    steps = [part.abs().amax(-1, keepdim=True) / most for part, most in ((x, levels()), (w, 127))]
    ones = [torch.ones_like(part) for part in (x, w)]
    half_x, half_w = steps[0] / 2, steps[1].T / 2
    return half_x * (ones[0] @ w.abs().T) + half_w * (x.abs() @ ones[1].T) + half_x * half_w * x.shape[-1]


def test_turning_keeps_products_and_spreads_what_is_large():
    x, w = (
        torch.randn(5, 48 * 4, generator=torch.Generator().manual_seed(k), dtype=torch.float64)
        for k in (0, 1)
    )
    x[:, 7] = 100.0
    near, exact = turned(x.float()).double() @ turned(w.float()).double().T, x @ w.T
    # Each of both factors is a sum of 64 terms in float32, and 192 such are summed.
    assert ((near - exact).abs() <= 3 * 64 * 2.0**-24 * x.norm(dim=1)[:, None] * w.norm(dim=1)).all()
    assert turned(x.float()).abs().max() < 100 / 8 + 6  # of 64 places


@pytest.mark.parametrize("precision", PRECISIONS)
def test_products_are_within_what_rounding_allows(precision):
    """float32 sums of 64 terms add 64 * 2^-24 of the terms' sizes, of which the bounds leave out nothing else."""
    layers = [linear(40, 64, 0), linear(24, 64, 1)]
    x = torch.randn(7, 64, generator=torch.Generator().manual_seed(2)) * torch.logspace(-3, 3, 7)[:, None]
    product = products(layers, True, precision)
    together = product(x)
    for layer, found in zip(layers, together, strict=True):
        both = [x, layer.weight.detach()]
        wide, weight = (part.double() for part in (map(turned, both) if precision == "int8" else both))
        slack = 64 * 2.0**-24 * (wide.abs() @ weight.abs().T)
        wrong = (found.double() - wide @ weight.T).abs()
        assert (wrong <= bound(wide, weight, precision) + slack).all()
        assert wrong.max() > 0
    for i in range(len(x) if precision == "int8" else 0):  # rows have scales of their own: others change none
        alone = product(x[i : i + 1])
        assert all(torch.equal(a, b[i : i + 1]) for a, b in zip(alone, together, strict=True))


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("rank", [0, 4])
def test_what_is_drawn_from_follows_the_weights_of_its_name(precision, rank):
    """Of all policies, as they are scored, the one that was named is nearest to what was drawn from."""
    policy = made(rank=rank)
    for k in range(3):
        # Kept copies of cheaper weights are to be made anew where a name has others.
        for name in ("first", "second"):
            policy.snapshot(name)
            with torch.no_grad():
                for weight in policy.parameters():
                    weight += 0.03 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(k))
        for name in policy.names:
            options = {"precision": Precision(precision, precision)}
            drawn = sample(policy, PROMPTS * 4, {"y": pure(name)}, 12, **options)["y"]
            with torch.no_grad():
                apart = {
                    other: (policy.sequence_log_probs(drawn.sequences, other) - drawn.log_probs).abs().sum()
                    for other in policy.names
                }
            assert min(apart, key=apart.get) == name and apart[name] > 0


def test_frozen_policies_alone_may_be_cheaper():
    policy = made()
    policy.snapshot("past")
    exact = sample(policy, PROMPTS, {"y": pure()}, 12)["y"]
    found = sample(policy, PROMPTS, {"y": pure()}, 12, precision=Precision(frozen="int8"))["y"]
    assert torch.equal(exact.log_probs, found.log_probs)
    old = sample(policy, PROMPTS, {"y": pure("past")}, 12)["y"]
    found = sample(policy, PROMPTS, {"y": pure("past")}, 12, precision=Precision(frozen="int8"))["y"]
    assert not torch.equal(old.log_probs, found.log_probs)


def test_another_architecture_is_refused_in_a_line():
    with pytest.raises(NashsimError, match=r"sampling.precision: a Llama .* found GPT2LMHeadModel"):
        sample(made("gpt2"), PROMPTS, ROLES, 4, precision=Precision("bfloat16"))


def test_records_say_how_far_what_was_sampled_lies_from_what_is_scored():
    policy, engine = made(), partial(sample, precision=Precision("int8"))
    found = TextMeasure(None, PROMPTS, 12, samples=8, engine=engine, importance=True)(policy)
    rows = [prompt for prompt in PROMPTS for _ in range(8)]
    drawn = engine(policy, rows, {"evaluation": pure()}, 12)["evaluation"]
    with torch.no_grad():
        ratio = (policy.sequence_log_probs(drawn.sequences).double() - drawn.log_probs).exp()
    assert found["importance_ratio"] == pytest.approx(float(ratio.mean()), rel=1e-12)
    assert found["importance_size"] == pytest.approx(float(ratio.sum() ** 2 / (40 * ratio.square().sum())))
    # E_q[pi/q] = 1, within four standard errors of 40 draws.
    assert abs(float(ratio.mean()) - 1) < 4 * float(ratio.std()) / 40**0.5
    assert "importance_ratio" not in TextMeasure(None, PROMPTS, 12, samples=8)(policy)
