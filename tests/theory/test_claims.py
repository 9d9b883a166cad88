"""Every claim stands on few games, its control does not, and changing any rule's numbers is caught by some claim."""

from dataclasses import replace

import numpy as np
import pytest

from nashsim import NashsimError
from nashsim.rules import POLICY, REFERENCE, RULES, GradientStep
from nashsim.theory import CLAIMS, Control, Instance, get_claim, verify
from nashsim.theory.claims import stacks
from nashsim.theory.claims.files import load_instance, save_instance
from nashsim.theory.verification import control_ratio, examine, still_ratio

from .strength import GAMES, STRENGTH

IDS = [claim.id for claim in CLAIMS]
CLAIMED = {name for claim in CLAIMS for name in claim.rules}


def test_there_are_thirty_claims_with_everything_said():
    assert len(CLAIMS) >= 30 and len(set(IDS)) == len(IDS)
    for claim in CLAIMS:
        texts = (claim.statement, claim.source, claim.conditions, claim.quantity, claim.predicted)
        assert all(texts) and claim.control.name, claim.id
    assert {rule.name for rule in RULES} >= CLAIMED
    unclaimed = {rule.name for rule in RULES if any(theorem.bound for theorem in rule.theorems)} - CLAIMED
    assert not unclaimed, f"a theorem with a bound is a claim too: add {unclaimed} in nashsim/theory/claims"


def test_proofs_in_lean_are_named_by_file_and_theorem():
    formal = {claim.id: claim.formal for claim in CLAIMS if claim.formal}
    assert formal.keys() == {"nash-unique", "nash-md-step", "nash-md-schedule", "nash-md-lemma-1"}
    assert all(".lean, " in text for text in formal.values())


@pytest.mark.parametrize("name", IDS)
def test_a_claim_stands_and_its_control_does_not(name):
    """It is as tight, too, as it was when ``strength.json`` was written: a loosened bound is no longer reached."""
    claim = get_claim(name)
    ratios, tightness = claim.scores(claim.instances(GAMES))
    assert ratios.max() <= 1, claim.instances(GAMES)[int(ratios.argmax())]
    kept = STRENGTH.get(name, {"ratio": 0.0, "tightness": 0.0})
    assert ratios.max() >= kept["ratio"] and tightness.max() >= kept["tightness"], kept
    broken = control_ratio(claim)
    assert broken > 1, f"{claim.control.name}: {broken}"
    still = still_ratio(claim)
    assert (still is None) == (claim.still is None and not claim.rules) and (still is None or still > 1)


@pytest.mark.slow
def test_the_strength_of_every_claim_is_kept():
    assert set(IDS) == set(STRENGTH), "python -m tests.theory.strength CLAIM keeps one"


@pytest.mark.slow
def test_every_claim_stands_on_a_thousand_games():
    assert [found.claim.id for found in verify(games=1000, jobs=2) if not found.ok] == []


@pytest.mark.parametrize("name", IDS)
def test_samples_lie_inside_the_conditions_and_repeat(name):
    claim = get_claim(name)
    for seed in range(5):
        one, again = claim.sample(seed), claim.sample(seed)
        for array in ("skew", "log_reference", "log_start"):
            np.testing.assert_array_equal(getattr(one, array), getattr(again, array))
            # what is inside stays as it is: up to the rounding of one more normalisation
            np.testing.assert_allclose(getattr(claim.clip(one), array), getattr(one, array), atol=1e-14)
        np.testing.assert_array_equal(one.skew, -one.skew.T)
        assert claim.domain.tau[0] <= one.tau <= claim.domain.tau[1]
        assert claim.domain.step[0] <= one.step <= claim.domain.step[1]


@pytest.mark.parametrize("name", ["nash-mp-kl", "spo-cycles", "label-difference"])
def test_ratios_do_not_depend_on_what_is_measured_beside(name):
    claim = get_claim(name)
    instances = claim.instances(30)
    together = claim.ratios(instances)
    alone = [claim.ratio(instance) for instance in instances[::6]]
    # vectors of other widths round differently, which a ratio near its rounding floor shows
    np.testing.assert_allclose(together[::6], alone, rtol=1e-3)


def test_clip_brings_anything_inside():
    rng = np.random.default_rng(0)
    wild = Instance(
        rng.normal(size=(3, 3)) * 5, rng.normal(size=3) * 99, rng.normal(size=3), tau=-4.0, step=50.0
    )
    for claim in CLAIMS:
        inside = claim.clip(wild)
        np.testing.assert_array_equal(inside.skew, -inside.skew.T)
        assert np.abs(inside.skew).max() <= 0.5
        assert inside.game.actions == 3 and inside.tau == claim.domain.tau[0]


def test_a_control_changes_something():
    with pytest.raises(NashsimError, match="must change"):
        Control("nothing")


def test_a_violation_and_a_passing_control_are_failures():
    claim = get_claim("gap-identity")
    wrong = examine(claim.planted(), claim.instances(5))
    assert wrong.verdict == "fails" and not wrong.ok and wrong.worst_ratio > 1
    toothless = examine(
        replace(claim, control=Control("nothing at all", claim.algorithm)), claim.instances(5)
    )
    assert toothless.verdict == "control passes" and not toothless.ok
    recalled = examine(replace(claim.planted(), tag="recalled", control=claim.control), claim.instances(5))
    assert recalled.verdict == "measured" and recalled.ok


def test_the_worst_instance_and_its_evidence_are_kept():
    [found] = verify(["nash-md-step"], games=30)
    assert found.games == 30 and found.ratios.argmax() == list(found.claim.instances(30)).index(found.worst)
    assert found.evidence.ratios().max() == pytest.approx(found.worst_ratio, rel=1e-9)


def test_processes_change_nothing():
    names = ["gap-identity", "nash-mp-kl", "spo-average"]
    one, two = verify(names, games=20), verify(names, games=20, jobs=2)
    assert [a.to_dict() for a in one] == [b.to_dict() for b in two]


def test_an_instance_is_kept_to_the_bit(tmp_path):
    instance = get_claim("nash-mp-kl").sample(3)
    save_instance(tmp_path / "worst.json", instance)
    again = load_instance(tmp_path / "worst.json")
    for field in ("skew", "log_reference", "log_start", "tau", "step", "name"):
        np.testing.assert_array_equal(getattr(again, field), getattr(instance, field))
    [(_, stack)] = stacks([again])
    assert get_claim("nash-mp-kl").evidence(stack).ratios()[0] <= 1
    (tmp_path / "other.json").write_text("[1, 2]")
    for name in ("other.json", "missing.json"):
        with pytest.raises(NashsimError, match="game"):
            load_instance(tmp_path / name)


def _flip(steps):
    return tuple(replace(s, eta=-s.eta) for s in steps)


def _invert(steps):
    return tuple(replace(s, eta=1 / s.eta) if s.opponent else s for s in steps)


def _swap(steps):
    return (steps[1], steps[0], *steps[2:]) if sum(bool(s.opponent) for s in steps) == 2 else steps


def _drop_reference(steps):
    def without(mixture):
        """The reference's weight goes to whoever else is first in the mixture: the sum stays."""
        others = [name for name in mixture if name != REFERENCE]
        if REFERENCE not in mixture or not others:
            return mixture
        moved = {name: mixture[name] for name in others}
        return {**moved, others[0]: moved[others[0]] + mixture[REFERENCE]}

    def changed(step):
        part = "score" if isinstance(step, GradientStep) else "base"
        return replace(step, **{part: without(getattr(step, part))}) if step.opponent else step

    return tuple(map(changed, steps))


def _wrong_opponent(steps):
    def changed(step):
        wrong = POLICY if step.opponent == {REFERENCE: 1.0} else REFERENCE
        return replace(step, opponent={wrong: 1.0}) if step.opponent else step

    return tuple(map(changed, steps))


MUTATIONS = {
    "sign flipped": _flip,
    "step inverted": _invert,
    "half and full step swapped": _swap,
    "reference pull dropped": _drop_reference,
    "wrong opponent": _wrong_opponent,
}


def numbers(steps):
    """Everything that a list of steps says, in a form that can be compared."""
    parts = ("base", "opponent", "score", "eta", "into", "at")
    return [[str(getattr(s, part, None)) for part in parts] for s in steps]


CASES = [
    (rule, what)
    for rule in RULES
    for what, change in MUTATIONS.items()
    if rule.name in CLAIMED and numbers(change(rule().steps(0.3, 1))) != numbers(rule().steps(0.3, 1))
]


@pytest.mark.parametrize(("rule", "what"), CASES, ids=lambda value: getattr(value, "name", value))
def test_a_mutated_rule_breaks_a_claim(rule, what, monkeypatch):
    original = rule.steps
    monkeypatch.setattr(rule, "steps", lambda self, tau, t: MUTATIONS[what](original(self, tau, t)))
    about = [claim for claim in CLAIMS if rule.name in claim.rules and claim.asserted]
    assert any(claim.ratios(claim.instances(12)).max() > 1 for claim in about), [claim.id for claim in about]
