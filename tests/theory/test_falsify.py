"""The falsifier: the same bits again, planted violations found, worst instances that other commands take."""

import json
from dataclasses import replace

import numpy as np
import pytest

from nashsim import NashsimError
from nashsim.cli import call
from nashsim.theory import CLAIMS, get_claim
from nashsim.theory.claims.files import load_instance
from nashsim.theory.falsify import falsification_frame, falsify, search, searchable

SEARCHED = [claim for claim in CLAIMS if searchable(claim)]


def test_the_same_budget_and_seed_give_the_same_bits():
    one, other = (search(get_claim("nash-ratio"), evaluations=150, seed=3) for _ in range(2))
    assert one.ratio == other.ratio and one.evaluations == other.evaluations
    assert np.array_equal(one.instance.skew, other.instance.skew)
    assert search(get_claim("nash-ratio"), evaluations=150, seed=4).ratio != one.ratio


def test_a_search_finds_more_than_random_draws_of_the_same_number():
    claim = get_claim("nash-mp-kl")
    drawn = claim.ratios([claim.sample(k) for k in range(400)]).max()
    assert drawn < search(claim, evaluations=400).ratio <= 1


def test_the_ratio_is_that_of_the_instance_and_lies_inside_the_conditions():
    claim = get_claim("nash-ratio")
    found = search(claim, evaluations=100)
    # another stack may round differently: ratios are sums of a few hundred products
    assert claim.ratio(found.instance) == pytest.approx(found.ratio, rel=1e-9)
    clipped = claim.clip(found.instance)
    assert clipped.tau == found.instance.tau and np.array_equal(clipped.skew, found.instance.skew)


def test_a_bound_lowered_below_what_is_reached_is_found_to_break():
    """Planted by hand and rare: the ratio exceeds the lowered bound on no random draw."""
    claim = get_claim("nash-mp-kl")
    drawn = claim.ratios([claim.sample(k) for k in range(200)]).max()

    def lowered(stack, algorithm):
        evidence = claim.measure(stack, algorithm)
        return replace(evidence, bound=evidence.bound * 1.0001 * drawn)

    planted = replace(claim, measure=lowered)
    assert planted.ratios([planted.sample(k) for k in range(200)]).max() <= 1
    found = search(planted, evaluations=4000, seed=1)
    assert found.violated and found.evaluations < 4000


@pytest.mark.slow
@pytest.mark.parametrize("claim", SEARCHED, ids=lambda claim: claim.id)
def test_every_planted_violation_is_found(claim):
    assert search(claim.planted(), evaluations=400, seed=1).violated


@pytest.mark.parametrize("name", ["gap-identity", "egpo-linear", "lipschitz", "nash-md-step"])
def test_planted_violations_are_found(name):
    assert search(get_claim(name).planted(), evaluations=400, seed=1).violated


def test_rows_and_files_that_solve_and_verify_accept(tmp_path, capsys):
    rows = falsify(["nash-ratio", "egpo-linear"], evaluations=60, out=tmp_path)
    frame = falsification_frame(rows)
    assert list(frame.worst_ratio) == sorted(frame.worst_ratio, reverse=True)
    assert not frame.violated.any() and frame.control_found.all()
    for row in rows:
        saved = load_instance(row["file"])
        assert get_claim(row["id"]).ratio(saved) == pytest.approx(row["worst_ratio"], rel=1e-9)
        assert call(["solve", row["file"], "--json"]) == 0
        assert json.loads(capsys.readouterr().out)
        assert call(["verify", row["id"], "--game", row["file"], "--json"]) == 0
        [told] = json.loads(capsys.readouterr().out)["claims"]
        assert told["worst_ratio"] == pytest.approx(row["worst_ratio"], rel=1e-9)


def test_time_stops_a_search_between_generations():
    found = search(get_claim("nash-ratio"), seconds=0.01)
    assert found.evaluations >= 1 and found.seconds < 5


def test_what_cannot_be_searched_is_refused():
    with pytest.raises(NashsimError, match="budget"):
        search(get_claim("nash-ratio"))
    statistical = next(claim for claim in CLAIMS if claim.kind == "statistical")
    with pytest.raises(NashsimError, match="not searched"):
        search(statistical, evaluations=10)
    assert falsify([statistical], evaluations=10) == []
