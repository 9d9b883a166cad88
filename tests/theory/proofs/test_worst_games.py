"""Proofs against searches for their worst games, and the table that says so."""

import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from nashsim.rules import EGPO, RULES, NashProx
from nashsim.theory import prove
from nashsim.theory.claims.instance import stacks
from nashsim.theory.falsify import search
from nashsim.theory.proofs import check, claim_of, comparison, found_table, hunt, table
from nashsim.theory.proofs.every_rule import FOLDER
from nashsim.theory.proofs.worst_games import FOUND, found_factor

CERTIFIED = [cls.name for cls in RULES if (FOLDER / f"{cls.name}.json").exists()]


@pytest.fixture(scope="module", params=CERTIFIED)
def proof(request):
    return check(FOLDER / f"{request.param}.json")


def test_no_random_game_breaks_a_proof(proof):
    claim = claim_of(proof)
    wide = replace(claim, domain=claim.domain.widest())
    for each in (claim, wide):
        assert each.ratios([each.sample(seed) for seed in range(40)]).max() <= 1


def test_a_flipped_sign_breaks_it(proof):
    planted = claim_of(proof).planted()
    # nothing but a reference that is refreshed along the wrong payoff is so slow to tell
    assert planted.ratios([planted.sample(seed) for seed in range(60)]).max() > 1


@pytest.mark.parametrize("name, least", [("omd", 0.98), ("egpo", 0.98), ("onpo", 0.99), ("nash-prox", 0.98)])
def test_a_search_comes_close_to_a_proof_that_is_tight(name, least):
    worst, row = hunt(check(FOLDER / f"{name}.json"), evaluations=300, seeds=(0,))
    assert least < row["tightness"] <= 1 and not row["violated"]
    if row["found"] is not None:
        assert least * row["proved"] < row["found"] <= row["proved"] * (1 + 1e-9)


def test_a_factor_that_is_a_little_too_small_is_refuted():
    """Of the very steps: the proof's own factor lowered by a twentieth of its rate."""
    proof = prove("egpo", 0.3)
    lowered = replace(proof, factor=Fraction(float(proof.factor) ** 1.05))
    assert search(claim_of(lowered), evaluations=600).violated


def test_the_found_factor_of_one_step_is_the_ratio_of_divergences():
    proof = prove(EGPO(step=0.5).name, 0.3, eta=0.5)
    claim = claim_of(proof)
    [(_, stack)] = stacks([claim.sample(3)])
    evidence = claim.evidence(stack)
    expected = np.max((evidence.measured[0] / evidence.before[0]) ** (1 / evidence.x))
    assert found_factor(proof, stack.instances[0]) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("inner", [2, 4, 7])
def test_inner_solves_of_the_proximal_point_that_end_early_are_proved(inner):
    proof = prove(NashProx(inner=inner), 0.1)
    assert proof.proved and proof.queries_per_step == inner
    assert float(proof.factor) == pytest.approx(1 / 1.2, abs=1e-6)


def test_the_table_has_every_certificate_and_no_violation():
    rows = found_table()
    assert set(rows) == set(CERTIFIED)
    for name, row in rows.items():
        known = table()[name]
        assert (row["tau"], row["eta"]) == (known["tau"], known["eta"])
        assert not row["violated"] and 0 < row["found_over_proved"] <= 1 + 1e-9
        assert row["proved"] is None or row["found"] <= row["proved"] * (1 + 1e-9)
        if known["proved"]:
            assert row["proved"] == known["factor"]
    assert json.loads(FOUND.read_text()) == list(rows.values())


def test_claimed_proved_and_found_have_a_row_for_every_rule():
    rows = comparison()
    assert [row[0] for row in rows] == [cls.name for cls in RULES]
    for name, _, proved, *found in rows:
        assert proved.startswith("not proved: ") != (name in CERTIFIED)
        assert (found == ["-"] * 3) == (name not in CERTIFIED)
        if table()[name]["proved"]:
            assert f"{table()[name]['factor']:.8g}" in proved
