"""The decode loop draws what it says, whatever the cache, padding or batch."""

from copy import deepcopy

import numpy as np
import pytest
import torch

from llm_bridge.decoding import sequence_mixture as candidates
from llm_bridge.decoding.eager import inverse_cdf, sample
from llm_bridge.decoding.roles import Role, mixture, pure
from llm_bridge.decoding.sequence_mixture import sequence_mixture
from llm_bridge.policy.sequences import padded
from nashsim import NashsimError

from ..enumerated import PROMPT, counts, responses, sequence_level, surprise, token_mixture
from ..enumerated import enumerated as every_response
from ..models import policy, shake

DRAWS = 4000
PROMPTS = [(1, 2, 3, 1), (2,), (3, 1), (2,), (1, 2)]


@pytest.fixture(scope="module", params=["gpt2", "llama"])
def made(request):
    found = policy(request.param, vocabulary=4, spread=0.6)
    shake(found, 0.5, 11)
    return found


#: Mixtures of whole sequences are made of the draws and log-probabilities that are held to enumerations above.
one_architecture = pytest.mark.parametrize(
    "made", ["gpt2", pytest.param("llama", marks=pytest.mark.slow)], indirect=True
)


def drawn(made, role, prompts=PROMPTS, length=5, **options):
    return sample(made, prompts, {"y": role}, length, **options)["y"]


def test_coefficients_0_and_1_are_the_pure_models_token_for_token(made):
    prompts = PROMPTS * 20
    for coefficient, name in ((0.0, "policy"), (1.0, "reference")):
        found = drawn(made, mixture(coefficient), prompts)
        assert found.sequences.responses() == drawn(made, pure(name), prompts).sequences.responses()
    assert (
        drawn(made, pure(), prompts).sequences.responses()
        != drawn(made, pure("reference"), prompts).sequences.responses()
    )
    # a coefficient a row: both kinds of row in one batch
    mixed = drawn(made, mixture([0.0, 1.0] * 50), prompts).sequences.responses()
    ends = [drawn(made, pure(name), prompts).sequences.responses() for name in ("policy", "reference")]
    assert mixed == [ends[i % 2][i] for i in range(100)]


def test_cache_changes_nothing(made):
    roles = {"y": pure(), "z": mixture(0.4), "tilt": Role({"policy": 1.7, "reference": -0.7})}
    one, other = (sample(made, PROMPTS * 20, roles, 5, use_cache=cache) for cache in (True, False))
    for name in roles:
        assert one[name].sequences.responses() == other[name].sequences.responses()
        assert (one[name].log_probs - other[name].log_probs).abs().max() < 1e-5


def test_other_rows_change_nothing(made):
    left = drawn(made, mixture(0.3), PROMPTS)
    for i in (0, 1, 2):  # each prompt alone, without padding
        alone = drawn(made, mixture(0.3), [PROMPTS[i]])
        assert alone.sequences.responses() == left.sequences.responses()[i : i + 1]
        assert abs(float(alone.log_probs[0] - left.log_probs[i])) < 1e-5


def test_log_probs_of_samples_are_those_of_the_policy(made):
    found = drawn(made, pure("reference"), PROMPTS * 4)
    assert (found.log_probs - made.sequence_log_probs(found.sequences, "reference")).abs().max() < 1e-5


@pytest.mark.parametrize("weights", [{"policy": 1.0}, {"policy": 0.5, "reference": 0.5},
                                     {"policy": 1.7, "reference": -0.7}])  # fmt: skip
def test_samples_follow_the_enumerated_token_mixture(made, weights):
    batch = every_response(made, 3)
    exact = token_mixture(made, batch, weights)
    found = counts(drawn(made, Role(weights), [PROMPT] * DRAWS, 3).sequences, responses(4, 3))
    assert surprise(found, exact) < 1


def test_the_chi_square_sees_a_wrong_mixture(made):
    """The planted faults: coefficient the wrong way round, and the cache of one model serving another."""
    batch = every_response(made, 3)
    exact = token_mixture(made, batch, {"policy": 0.7, "reference": 0.3})
    wrong = counts(drawn(made, mixture(0.7), [PROMPT] * DRAWS, 3).sequences, responses(4, 3))
    assert surprise(wrong, exact) > 2


def planted(made, monkeypatch, fault):
    """The draws of an even mixture through a decode loop with a fault, against what they should follow."""
    from llm_bridge.decoding import eager as sampling

    exact = token_mixture(made, every_response(made, 3), {"policy": 0.5, "reference": 0.5})
    honest = sampling._Loop._mixed
    monkeypatch.setattr(sampling._Loop, "_mixed", lambda self: fault(self, honest))
    wrong = drawn(made, mixture(0.5), [PROMPT] * DRAWS, 3).sequences
    return surprise(counts(wrong, responses(4, 3)), exact)


def test_a_shared_cache_would_be_seen(made, monkeypatch):
    """Both models reading the policy's keys and values: what a single cache does."""

    def shared(self, honest):
        table = honest(self)
        one, other = self.decoders
        other.cache = deepcopy(one.cache)
        if one.past is not None:
            other.past.keys.copy_(one.past.keys), other.past.values.copy_(one.past.values)
        return table

    assert planted(made, monkeypatch, shared) > 2


def test_a_mixture_of_probabilities_would_be_seen(made, monkeypatch):
    """sum_k w_k pi_k in place of prod_k pi_k^{w_k}."""

    def arithmetic(self, honest):
        decoders, tables = self.decoders, []
        for decoder in decoders:
            self.decoders, decoder.alone = [decoder], True
            tables.append(honest(self))
        self.decoders = decoders
        return torch.stack(tables).exp().mean(0).log()

    assert planted(made, monkeypatch, arithmetic) > 1.5


def test_positions_left_out_would_be_seen(made, monkeypatch):
    """Every token read at position 0, by learned positions and rotary ones."""
    from llm_bridge.decoding import eager as sampling

    monkeypatch.setattr(sampling, "position_ids", lambda mask: torch.zeros_like(mask, dtype=torch.long))
    found = drawn(made, pure(), PROMPTS)
    monkeypatch.undo()
    assert (found.log_probs - made.sequence_log_probs(found.sequences).detach()).abs().max() > 1e-3


def test_the_order_of_rows_changes_nothing(made):
    distinct = [(1, 2, 3, 1), (2,), (3, 1), (1, 2)]
    forth = drawn(made, mixture(0.3), distinct).sequences.responses()
    back = drawn(made, mixture(0.3), distinct[::-1]).sequences.responses()
    assert forth == back[::-1]


def test_the_loop_stops_when_every_row_has_ended(made, monkeypatch):
    from llm_bridge.decoding import eager as sampling

    honest, calls = sampling._Loop._mixed, []
    monkeypatch.setattr(sampling._Loop, "_mixed", lambda self: calls.append(1) or honest(self))
    found = drawn(made, pure(seed=3), [PROMPT] * 2, 20).sequences
    longest = max(len(y) for y in found.responses())
    ended = all(y[-1] == made.eos for y in found.responses())
    assert ended and longest < 20
    assert len(calls) == longest


def test_temperature_belongs_to_samples_too():
    hot = policy(vocabulary=4, temperature=0.6, spread=0.6)
    batch = every_response(hot, 3)
    exact = hot.sequence_log_probs(batch).detach()
    found = counts(drawn(hot, pure(), [PROMPT] * DRAWS, 3).sequences, responses(4, 3))
    assert surprise(found, exact) < 1
    hot.module.temperature = 1.0
    assert surprise(found, hot.sequence_log_probs(batch).detach()) > 2


@one_architecture
def test_sequence_mixture_is_exact_where_it_accepts(made):
    weights = {"policy": 0.5, "reference": 0.5}
    exact = sequence_level(made, every_response(made, 3), weights)
    found = sequence_mixture(made, [PROMPT] * DRAWS, weights, 3, candidates=8)
    # a candidate is accepted with probability sum_y prod_k pi_k(y)^w_k; 5 standard errors of DRAWS coins
    logs = [made.sequence_log_probs(every_response(made, 3), name).detach() for name in weights]
    rate = 1 - (1 - float((0.5 * logs[0] + 0.5 * logs[1]).exp().sum())) ** 8
    assert 0.3 < rate < 0.99
    assert abs(float(found.exact.double().mean()) - rate) < 5 * (rate * (1 - rate) / DRAWS) ** 0.5
    kept = found.sequences[found.exact]
    assert surprise(counts(kept, responses(4, 3)), exact) < 1
    # the mixture of logits is another distribution, and this many draws tell them apart
    token = token_mixture(made, every_response(made, 3), weights)
    assert surprise(counts(kept, responses(4, 3)), token) > 1


@one_architecture
def test_one_coin_for_two_decisions_would_be_seen(made, monkeypatch):
    """The planted fault: the coin that picks the voice of a candidate also accepts it."""
    honest = candidates.uniforms
    monkeypatch.setattr(candidates, "uniforms", lambda *given: honest(*given)[:, [0, 0, 2]])
    weights = {"policy": 0.5, "reference": 0.5}
    found = sequence_mixture(made, [PROMPT] * DRAWS, weights, 3, candidates=8)
    kept = counts(found.sequences[found.exact], responses(4, 3))
    assert surprise(kept, sequence_level(made, every_response(made, 3), weights)) > 1


@one_architecture
def test_tilt_of_sequences_by_reweighting(made):
    weights = {"policy": 1.2, "reference": -0.2}
    batch = every_response(made, 3)
    exact = sequence_level(made, batch, weights)
    found = sequence_mixture(made, [PROMPT] * 600, weights, 3, candidates=32)
    assert not found.exact.any()
    assert float(found.effective.min()) >= 1 and float(found.effective.max()) <= 32
    # the effective share of candidates, from the enumeration: 1/E_q[(p/q)^2]
    share = torch.tensor([1.2, 0.2]).double().div(1.4).log()
    logs = torch.stack([made.sequence_log_probs(batch, name).detach() for name in weights])
    proposal = (share[:, None] + logs).logsumexp(0)
    expected = 32 / float((2 * exact - proposal).exp().sum())
    assert abs(float(found.effective.mean()) - expected) < 0.25 * expected
    assert surprise(counts(found.sequences, responses(4, 3)), exact) < 1


TILT = {"policy": 2.5, "reference": -1.5}


def surprise_of_two_candidates(made):
    """At K = 2 re-weighting is far from its limit, and exactly enumerable: the pairs of candidates."""
    batch = every_response(made, 3)
    logs = torch.stack([made.sequence_log_probs(batch, name).detach() for name in TILT])
    share = torch.tensor([2.5, 1.5]).double() / 4
    proposal = (share.log()[:, None] + logs).logsumexp(0)
    ratio = sum(w * log for w, log in zip(TILT.values(), logs, strict=True)) - proposal
    first = torch.sigmoid(ratio[:, None] - ratio[None, :])  # chance that y is chosen over z
    exact = (proposal.exp()[:, None] * proposal.exp()[None, :] * first * 2).sum(1).log()
    found = counts(sequence_mixture(made, [PROMPT] * DRAWS, TILT, 3, candidates=2).sequences, responses(4, 3))
    assert surprise(found, sequence_level(made, batch, TILT)) > 1
    return surprise(found, exact)


@one_architecture
def test_two_candidates_reweighted_follow_their_own_enumeration(made):
    assert surprise_of_two_candidates(made) < 1


@one_architecture
def test_candidates_chosen_without_their_weights_would_be_seen(made, monkeypatch):
    monkeypatch.setattr(
        candidates, "_resampled", lambda ratio, coins: torch.zeros(len(ratio), dtype=torch.long)
    )
    assert surprise_of_two_candidates(made) > 1


def test_roles_are_independent_and_seeds_decide(made):
    prompts = [PROMPT] * 200
    both = sample(made, prompts, {"y": pure(), "z": pure()}, 4)
    assert both["y"].sequences.responses() != both["z"].sequences.responses()
    assert both["y"].sequences.responses() == drawn(made, pure(), prompts, 4).sequences.responses()
    assert both["y"].sequences.responses() != drawn(made, pure(seed=1), prompts, 4).sequences.responses()


def test_first_tokens_may_be_constrained(made):
    allowed = torch.tensor([[False, False, True, False], [False, True, False, True]])
    found = drawn(made, pure(), [PROMPT, PROMPT], 4, allowed=allowed).sequences.responses()
    assert found[0][0] == 2 and found[1][0] in (1, 3)


def test_greedy_rows_are_those_of_generate(made):
    mine = drawn(made, Role({"policy": 1.0}, greedy=True), length=6).sequences
    ids, mask = padded(PROMPTS, made.pad, "left")
    options = {"do_sample": False, "eos_token_id": made.eos, "pad_token_id": made.pad}
    theirs = made.model.generate(input_ids=ids, attention_mask=mask.long(), max_new_tokens=6, **options)
    response = theirs[:, ids.shape[1] :]
    assert torch.equal(response, mine.response[:, : response.shape[1]])
    assert not mine.response_mask[:, response.shape[1] :].any()


def test_bad_roles_are_named(made):
    for role, match in (
        (Role({"policy": 0.5}), "sum to 1"),
        (Role({"polici": 1.0}), "did you mean 'policy'"),
        (Role({"policy": [1.0]}), "needs 5 weights"),
    ):
        with pytest.raises(NashsimError, match=match):
            drawn(made, role)
    with pytest.raises(NashsimError, match="coefficient"):
        mixture(1.5)
    with pytest.raises(NashsimError, match="permitted"):
        drawn(made, pure(), allowed=torch.zeros(5, 4))
    assert np.isfinite(drawn(made, pure()).log_probs.numpy()).all()


@pytest.mark.parametrize("uniform", [0.0, 0.5, 1 - 2**-53])
def test_a_drawn_token_is_always_of_the_vocabulary(uniform):
    """Neither rounding, nor tokens of no mass at the end, nor a row that is not a number leaves it."""
    nan = torch.full((4,), torch.nan)
    closed = torch.tensor([0.3, 0.7, 0.0, 0.0]).log()
    thirds = torch.full((4,), 0.25 + 2**-20).log()
    drawn = inverse_cdf(torch.stack([nan, closed, thirds]), torch.full((3,), uniform, dtype=torch.float64))
    assert 0 <= drawn[0] < 4 and 0 <= drawn[1] < 2 and drawn[2] == int(4 * uniform)
