"""The small changes of a rule that tight claims must notice, and what makes a verdict."""

import re
from dataclasses import replace

import numpy as np
import pytest

from nashsim.rules import POLICY, REFERENCE
from nashsim.theory import CLAIMS, Domain, get_claim
from nashsim.theory.claims import stacks
from nashsim.theory.claims.claim import Evidence
from nashsim.theory.claims.comal import inner
from nashsim.theory.claims.rounding import EPS
from nashsim.theory.claims.rule_claims import mutated, scaled
from nashsim.theory.verification import Verification, examine

from .strength import GAMES


def slower(steps, tau):
    """Half the step and half the pull: the same fixed point, at half the speed."""

    def moved(base):
        share = 0.5 * base[REFERENCE]
        return {**base, POLICY: base[POLICY] + share, REFERENCE: base[REFERENCE] - share}

    return tuple(replace(s, eta=0.5 * s.eta, base=moved(s.base)) if s.opponent else s for s in steps)


def pulled(factor):
    """The pull to the reference alone, times a factor."""

    def change(steps, tau):
        def moved(base):
            share = (factor - 1) * base[REFERENCE]
            return {**base, POLICY: base[POLICY] - share, REFERENCE: base[REFERENCE] + share}

        return tuple(replace(s, base=moved(s.base)) if s.opponent else s for s in steps)

    return change


SUBTLE = {
    "η × 1.1": scaled(1.1), "η × 0.9": scaled(0.9), "pull × 0.9": pulled(0.9), "pull × 1.1": pulled(1.1),
    "half the speed": slower,
}  # fmt: skip
#: Claims that are tight, each of them alone.
TIGHT = (
    "one-call-linear", "one-call-step-limit", "nash-mp-kl", "nash-mp-step-limit", "egpo-linear", "optimistic-potential",
    "nash-md-mixture", "nash-md-descent", "inpo-descent",
)  # fmt: skip


@pytest.mark.parametrize("what", SUBTLE)
@pytest.mark.parametrize("name", TIGHT)
def test_a_small_change_of_a_rule_breaks_a_tight_claim(name, what):
    """At moderate tau: where the limit is a thousandth of tau a share of a step is beyond notice in sixty of them."""
    claim = get_claim(name)
    changed = replace(claim, algorithm=mutated(claim.algorithm, SUBTLE[what]))
    domain = replace(claim.domain, actions=(2, 4), tau=(0.1, 3.0), cells=6, floor=30.0)
    assert changed.ratios(replace(changed, domain=domain).instances(24)).max() > 1


@pytest.mark.parametrize(("name", "least"), [("nash-md-step", 2.8e-4), ("inpo-step", 1.5e-4)])
def test_what_is_added_to_a_rate_is_of_the_size_of_what_a_step_adds(name, least):
    """Half of what was measured of the 2 eta^2, or 8 C^2 eta^2, that are added to (1 - eta tau) KL: they are loose."""
    claim, shares = get_claim(name), []
    domain = replace(claim.domain, actions=(2, 4), tau=(0.1, 1.0), step=(0.1, 0.5), floor=30.0)
    for _, stack in stacks(domain.instances(40)):
        evidence = claim.evidence(stack)
        kept = (1 - stack.step) * evidence.before
        shares.append(((evidence.measured - kept) / (evidence.bound - kept)).max())
    assert max(shares) > least, max(shares)


def test_inner_solves_take_seventy_two_factors_of_e():
    for tau in (0.1, 1.0, 3.0):
        assert inner(tau) == int(np.ceil(72 / np.log1p(4 * tau**2)))


def _found(ratio, **evidence):
    """The verification of a claim whose every ratio is given."""
    claim = get_claim("gap-identity")

    def measure(stack, algorithm):
        return Evidence(np.zeros(1), np.full((len(stack), 1), ratio), np.ones((len(stack), 1)), **evidence)

    return examine(replace(claim, measure=measure, algorithm=None), claim.instances(3))


@pytest.mark.parametrize("ratio", [1 + 1e-9, 1.005])
def test_one_is_the_edge_and_nothing_is_added_to_it(ratio):
    verification = _found(ratio)
    given = {name: getattr(verification, name) for name in Verification.__dataclass_fields__}
    rejected = Verification(**{**given, "control_ratio": 2.0})
    assert rejected.verdict == "fails"
    assert Verification(**{**given, "control_ratio": 1.0}).verdict == "control passes"
    assert Verification(**{**given, "control_ratio": 2.0, "still_ratio": 1.0}).verdict == "control passes"
    assert Verification(**{**given, "control_ratio": 2.0, "ratios": np.ones(3)}).verdict == "holds"


def test_a_false_bound_on_the_ratio_to_the_reference_is_refuted_at_once():
    """|log pi*/mu| <= .9/tau holds on most games: the edge of the conditions is among the first that are tried."""
    claim = get_claim("nash-ratio")
    assert claim.ratios(claim.instances(GAMES)).max() > 0.97
    assert claim.domain == Domain() and claim.domain.tau == (1e-3, 100.0)


#: Claims of rules with narrower ranges than those that all have: what their statement or their own words say.
NARROWER = {
    "class-game": {"tau": 0.1},  # its quotient is solved at tau/classes too
    "self-play-contraction": {"tau": 0.55},  # tau > 1/2
    "comal-last": {"tau": 0.1},  # exact inner solves take 72/log(1 + 4 tau^2) steps
    "mpo-last": {"tau": 0.1},
    "nash-mp-actions": {"step": 0.5},
    "spo-average": {"step": 1.0},  # c in [1, sqrt 8]
    "dno-ranking": {"step": 0.5},
}


@pytest.mark.parametrize(
    "claim", [c for c in CLAIMS if c.rules and c.kind != "statistical"], ids=lambda claim: claim.id
)
def test_no_range_is_narrower_than_the_conditions_say(claim):
    """Tau from 0.05, or what the conditions name, to 1 or more; steps from 0.3 of the largest to what they name."""
    domain, narrower = claim.domain, NARROWER.get(claim.id, {})
    stated = re.search(r"τ ≥ ([\d.]+)", claim.conditions)
    if domain.tau[0] < domain.tau[1]:
        assert domain.tau[0] <= (
            float(stated[1]) if stated else narrower.get("tau", 0.05 if claim.rules else 0.1)
        )
        assert domain.tau[1] >= (0.25 if "rock-paper-scissors" in claim.conditions else 1.0)
    if domain.step[0] < domain.step[1]:
        assert domain.step[0] <= narrower.get("step", 0.3)
    if stated := re.search(r"η ≤ ([\d.]+) of", claim.conditions):
        assert domain.step[1] == float(stated[1])
    if domain.actions[0] < domain.actions[1]:
        assert domain.actions[1] >= 5


def test_an_exact_estimate_leaves_the_plug_in_nothing_but_the_square_of_a_rounding():
    """The estimate is Bradley-Terry of the start: of a game that is that, the error is rounding."""
    claim = get_claim("plug-in-gap")
    drawn = claim.instances(12)
    given = [one.replace(skew=0.5 * np.tanh((one.log_start[:, None] - one.log_start) / 2)) for one in drawn]
    for _, stack in stacks(given):
        evidence = claim.evidence(stack)
        size = (
            np.abs([stack.log_reference, stack.log_start]).max(axis=(0, 2)) + (stack.actions + 4) / stack.tau
        )
        assert (evidence.bound[:, 0] <= (1e3 * EPS * size) ** 2 * (stack.tau + 1)).all()


def test_what_is_drawn_is_as_wide_as_the_conditions():
    drawn = get_claim("one-call-linear").instances(400)
    assert {one.tau for one in drawn} >= {1e-3, 0.01, 100.0} and {one.actions for one in drawn} >= {2, 3, 128}
    assert min(one.log_reference.min() for one in drawn) < -250
