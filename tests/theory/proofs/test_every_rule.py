"""Every rule of the registry: its certificate, and that another rule's numbers do not have it."""

from dataclasses import replace

import pytest

from nashsim.rules import POLICY, REFERENCE, RULES
from nashsim.theory import prove
from nashsim.theory.claims.rule_claims import (
    Mutated,
    against_reference,
    flipped,
    loosened,
    scaled,
    unanchored,
    unmixed_opponent,
)
from nashsim.theory.proofs import check_all, table
from nashsim.theory.proofs.every_rule import FOLDER, TAU

CERTIFIED = [cls for cls in RULES if (FOLDER / f"{cls.name}.json").exists()]


def test_every_rule_has_its_row_and_every_certificate_of_the_package_is_confirmed():
    rows = table()
    assert set(rows) == {cls.name for cls in RULES}
    confirmed = {row["rule"]: row for row in check_all()}
    assert confirmed.keys() == {name for name, row in rows.items() if row["exact"]}
    assert all(confirmed[name] == rows[name] for name in confirmed)
    for name, row in rows.items():
        assert row["exact"] or row["status"].startswith("not proved: "), name


@pytest.mark.parametrize("cls", RULES, ids=lambda cls: cls.name)
def test_the_rows_are_those_of_today(cls):
    """Another build of the solver finds other multipliers; what they prove differs by the slack at most."""
    found, row = prove(cls.name, TAU).summary(), table()[cls.name]
    for name in ("rule", "tau", "eta", "proved", "queries_per_step", "exact"):
        assert found[name] == row[name]
    for name in ("factor", "constant"):
        assert found[name] == (
            row[name] if row[name] is None else pytest.approx(row[name], rel=1e-4, abs=1e-6)
        )


def inverse(steps, tau):
    return tuple(replace(step, eta=1 / step.eta) if step.opponent else step for step in steps)


def swapped(steps, tau):
    """The base's weights the other way round: the policy's on the reference, and the reference's on the policy."""

    def other(mixture):
        return dict(zip(mixture, reversed(mixture.values()), strict=True))

    return tuple(replace(step, base=other(step.base)) if step.opponent else step for step in steps)


def tightened(steps, tau):
    """The steps with a tenth more of the reference's weight in the base."""

    def moved(base):
        share = 0.1 * base[REFERENCE]
        return {**base, POLICY: base[POLICY] - share, REFERENCE: base[REFERENCE] + share}

    return tuple(replace(step, base=moved(step.base)) if step.opponent else step for step in steps)


#: Forward steps a tenth longer and shorter, the pull to the reference as it was.
longer, shorter = scaled(1.1), scaled(0.9)


def worse(found, proof) -> bool:
    """Whether nothing is proved, or less: a larger factor, or in the limit a larger KL or a larger gap."""
    if not found.exact:
        return True
    if proof.factor is not None and found.factor > proof.factor + 1e-6:
        return True
    return _limit(found) > 1.0001 * _limit(proof)


def _limit(proof) -> float:
    p = proof.parameters
    if proof.factor is None:
        return float(2 * p.get("constant", 0) / p["gain"])
    return float(p.get("constant", 0) / (1 - proof.factor)) if proof.factor < 1 else 0.0


def _proof(cls):
    # at half of its range Nash-MD's mixture is the same the other way round; the best response forgets the policy
    eta = {"nash-md": 0.3 / TAU, "best-response": 0.3 / TAU}.get(cls.name)
    return prove(cls.name, TAU, eta=eta)


MUTATIONS = {
    "sign": flipped,
    "inverse": inverse,
    "order": swapped,
    "no pull": unanchored,
    "less pull": loosened,
    "more pull": tightened,
    "longer step": longer,
    "shorter step": shorter,
    "opponent is the reference": against_reference,
    "opponent is the policy": unmixed_opponent,
}


#: Sums over steps: ten mutations of each take twenty seconds.
LONG = {"onpo", "omwu"}


@pytest.mark.parametrize(
    "cls",
    [pytest.param(cls, marks=[pytest.mark.slow] * (cls.name in LONG)) for cls in CERTIFIED],
    ids=lambda cls: cls.name,
)
def test_a_rule_with_other_numbers_has_no_proof_or_a_worse_one(cls):
    proof = _proof(cls)
    steps = proof.rule.steps(TAU, 0)
    tried = 0
    for name, mutation in MUTATIONS.items():
        try:
            changed = mutation(steps, TAU)
        except KeyError:  # no reference in the base to loosen
            continue
        if changed == steps or _of_the_family(cls, proof, mutation):
            continue
        found = prove(Mutated(proof.rule, mutation), TAU)
        assert worse(found, proof), f"{name}: {found.status}"
        tried += 1
    assert tried >= (7 if REFERENCE in steps[0].base and proof.kind == "contraction" else 2)


def _of_the_family(cls, proof, mutation) -> bool:
    """Whether the mutation is another rule that the statement is true of.

    A bound on averages is of one form for every step, and MNPO's for every mixture of its players; a refreshed
    reference approaches the equilibrium for every pull to it and step; a baseline against itself is the map M1; more
    pull to the reference takes bias from Nash-MD and the best response, which have no fixed point at pi*.
    """
    if proof.affine and proof.kind == "contraction":
        return mutation is tightened or (cls.name == "best-response" and mutation is unmixed_opponent)
    if proof.kind == "average":
        step = mutation in (inverse, longer, shorter)
        return step or (cls.name == "mnpo" and mutation is unmixed_opponent)
    family = (inverse, swapped, loosened, tightened, longer, shorter)
    return proof.kind == "outer" and proof.factor == 1 and mutation in family


def test_optimism_of_the_wrong_order_is_worse():
    def exchanged(steps, tau):
        opponent = steps[0].opponent
        previous = next(name for name in opponent if name != POLICY)
        turned = {POLICY: opponent[previous], previous: opponent[POLICY]}
        return (replace(steps[0], opponent=turned), *steps[1:])

    proof = prove("optimistic", TAU)
    assert worse(prove(Mutated(proof.rule, exchanged), TAU), proof)
