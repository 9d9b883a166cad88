"""The search for the best proved rate: what it finds is new and better, runs, and is a rule like any other."""

import json
from functools import cache

import numpy as np
import pytest

from nashsim import games
from nashsim.cli import call
from nashsim.engine import run
from nashsim.errors import NashsimError
from nashsim.rules import EGPO, OMD
from nashsim.testing import check_rule
from nashsim.theory import prove
from nashsim.theory.claims.domain import Domain
from nashsim.theory.claims.instance import stacks
from nashsim.theory.claims.rule_claims import play
from nashsim.theory.proofs.designing import Designed, compare, design

#: Of one call and of two, as a search found them at tau = .3.
FOUND = [Designed(1.084, optimism=0.3006), Designed(1.8676, half=0.7236, half_step=1.5408)]
TAU = 0.3


@cache
def best(name):
    return prove(name, TAU, best=True)


@pytest.mark.parametrize("rule", FOUND)
def test_what_was_found_is_proved_better_per_query_than_both_maps(rule):
    proof = prove(rule, TAU)
    assert proof.exact and abs(float(proof.factor) - (1 - rule.step * TAU)) < 1e-6
    for known in (OMD, EGPO):
        assert proof.factor_per_query < best(known.name).factor_per_query - 0.03


@pytest.mark.parametrize("rule", FOUND)
def test_what_was_found_keeps_its_proof_on_random_games(rule):
    proof = prove(rule, TAU)
    kappa = float(proof.parameters.get("kappa", 1))
    domain = Domain(tau=(TAU, TAU), step=(1.0, 1.0))
    for _, stack in stacks([domain.sample(seed) for seed in range(60)]):
        path = play(stack, rule, 12)
        from nashsim.logspace import kl

        divergence = kl(stack.log_equilibrium, path.log_policies).T
        bound = stack.kl_start[:, None] * float(proof.factor) ** path.steps / kappa
        # logits are off by 1e-14 or so: a KL by less than 1e-12 where the start is of order 1
        assert np.all(divergence <= bound * (1 + 1e-9) + 1e-12)


@pytest.mark.parametrize(
    "rule",
    [Designed(0.5, optimism=0.3), Designed(0.6, momentum=0.1), Designed(0.6, half=0.72, half_step=0.5)],
)
def test_a_designed_rule_is_a_rule(rule):
    check_rule(rule)


def test_without_its_options_it_is_the_one_call_map_and_with_a_whole_half_the_two_call_map():
    game = games.get("rps").replace(tau=TAU, reference=[0.6, 0.3, 0.1])
    one = {"queries": 40, "keep_policies": True, "metrics": []}
    for designed, known in (
        (Designed(0.7), OMD(step=0.7)),
        (Designed(0.7, half=1.0, half_step=0.7), EGPO(step=0.7)),
    ):
        found, wanted = (run(game, rule, **one).log_policies for rule in (designed, known))
        assert np.abs(found - wanted).max() < 1e-12


def test_a_short_search_beats_where_it_starts():
    found = design(TAU, "two calls", evaluations=25)
    assert found.proof.exact and found.evaluations <= 25
    assert found.proof.factor_per_query < best("egpo").factor_per_query
    with pytest.raises(NashsimError, match="family"):
        design(TAU, "three calls")


def test_the_command_line_compares(capsys, monkeypatch):
    monkeypatch.setattr(
        "nashsim.theory.proofs.designing.FAMILIES", {"two calls": {"half": 1.0, "half_step": 1.2}}
    )
    monkeypatch.setattr("nashsim.theory.proofs.designing.KNOWN", ("omd", "egpo"))
    monkeypatch.setattr("nashsim.theory.proofs.compare", lambda tau: compare(tau, 6))
    assert call(["prove", "--design", "--tau", str(TAU), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["rule"] for row in rows][0] == "found: two calls" and len(rows) == 3
    assert call(["prove", "--design", "--eta", "1", "--tau", "1"]) == 2
