"""The worst games of a proof: its statement as a claim that a search tries to break, and what it finds beside it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from ...equilibrium import solve_newton, unregularised_gap
from ...files import to_json, write_text
from ...game import PreferenceGame
from ...logspace import kl, log_normalise
from ...rules import REFERENCE, RULES, Start
from ..claims.claim import Claim, Control, Evidence
from ..claims.domain import Domain
from ..claims.instance import Instance, Stack
from ..claims.rule_claims import Mutated, flipped, kl_slack, play
from ..falsify import Searched, search
from .every_rule import FOLDER, table
from .proof import Proof, check
from .statements import AVERAGE, CONTRACTION, OUTER

#: What a search found of every rule with a certificate.
FOUND = FOLDER / "found.json"
#: T over which averages are measured, and proved orders of e over which a rule with memory is.
_HORIZONS, _ORDERS = (1, 4, 16, 64, 256), 4.0


def claim_of(proof: Proof) -> Claim:
    """Return what a proof says, on every game at its tau and step, as a claim that can be searched.

    Parameters
    ----------
    proof : Proof
        One with certificates.
    """
    measures = {CONTRACTION: _contraction, OUTER: _outer, AVERAGE: _average}
    tau = proof.tau
    return Claim(
        id=f"proof-{proof.rule.name}",
        statement=proof.status,
        source="its certificate",
        kind="bound",
        conditions=f"tau = {tau:g}, eta = {proof.eta:g}, any game and start",
        quantity="DualGap of the average" if proof.kind == AVERAGE else "KL(pi*, pi_t)",
        measure=measures[proof.kind](proof),
        algorithm=lambda tau, step: proof.rule,
        control=Control(
            "sign of the payoff flipped", lambda tau, step: Mutated(proof.rule, flipped), games=60
        ),
        domain=Domain(actions=(2, 12), tau=(tau, tau), step=(1.0, 1.0), cells=20, floor=600.0, edges=False),
        rules=(proof.rule.name,),
    )


def _bound(proof: Proof, start: np.ndarray, periods: np.ndarray) -> np.ndarray:
    """Return factor^t KL_0/kappa + constant (1 - factor^t)/((1 - factor) kappa), shape (instances, records)."""
    factor, kappa = float(proof.factor), float(proof.parameters.get("kappa", 1))
    powers = factor**periods
    rest = float(proof.parameters.get("constant", 0)) * (1 - powers) / (1 - factor)
    return (powers * start[:, None] + rest) / kappa


def _contraction(proof: Proof):
    period, orders = len(proof.numbers), -_ORDERS / np.log(max(float(proof.factor), 1e-3))
    count = int(np.ceil(orders)) if "kappa" in proof.parameters else 4

    def measure(stack: Stack, algorithm) -> Evidence:
        record = "every" if period == 1 else period
        path = play(stack, algorithm(stack.tau, stack.step), count * period, record)
        divergence, periods = kl(stack.log_equilibrium, path.log_policies).T, path.steps[1:] / period
        before = divergence[:, :1]
        slack = kl_slack(stack, divergence[:, 1:])
        return Evidence(
            periods, divergence[:, 1:], _bound(proof, before[:, 0], periods), slack, before=before
        )

    return measure


def _outer(proof: Proof):
    [step] = [step for step in proof.numbers[0] if step.opponent]
    own = float(step.base.get(step.into, 0))
    rest = {slot: float(weight) / (1 - own) for slot, weight in step.base.items() if slot != step.into}
    lottery = len(proof.numbers) > 1 and proof.numbers[-1][-1].into == REFERENCE

    def measure(stack: Stack, algorithm) -> Evidence:
        """One outer step whose inner solve is exact: an equilibrium for another reference and tau."""
        sign = np.sign(next(s for s in algorithm(stack.tau, 1.0).steps(stack.tau, 0) if s.opponent).eta)
        centre = stack.log_reference if lottery else stack.log_start
        held = {slot: stack.log_reference if slot == REFERENCE else centre for slot in rest}
        mixture = log_normalise(sum(weight * held[slot] for slot, weight in rest.items()))
        preference = stack.game.preference if sign > 0 else type(stack.game.preference)(-stack.skew)
        inner = PreferenceGame(preference, log_reference=mixture, tau=(1 - own) / float(step.eta))
        with np.errstate(divide="ignore"):
            target = np.log(stack.lottery) if lottery else stack.log_equilibrium
        before, after = kl(target, centre)[:, None], kl(target, solve_newton(inner).log_policy)[:, None]
        # both policies are exact to the rounding of their own logits
        slack = 2 * kl_slack(stack, before)
        return Evidence(np.ones(1), after, float(proof.factor) * before, slack, before=before)

    return measure


def _average(proof: Proof):
    p = {name: float(value) for name, value in proof.parameters.items()}
    above, rest = p.get("start", 0) + p.get("floor", 0), 2 * p.get("constant", 0) / p["gain"]

    def measure(stack: Stack, algorithm) -> Evidence:
        rule, gaps = algorithm(stack.tau, stack.step), []
        for horizon in _HORIZONS:
            path = play(stack, rule, horizon, record=horizon)
            with np.errstate(divide="ignore"):
                gaps.append(unregularised_gap(stack.game, log_normalise(np.log(path.average))))
        horizons = np.array(_HORIZONS)
        bound = 2 * (stack.diameter[:, None] + above) / (p["gain"] * horizons) + rest
        # payoffs are sums of products of numbers below 1
        return Evidence(horizons, np.array(gaps).T, bound, 1e-12, x_label="T")

    return measure


def found_factor(proof: Proof, instance: Instance) -> float | None:
    """Return the largest factor a step of one game, (KL_t - constants)/KL_0 as a mean over t; None for an average."""
    if proof.kind == AVERAGE:
        return None
    evidence = claim_of(proof).evidence(Stack([instance]))
    kappa = 1.0 if proof.kind == OUTER else float(proof.parameters.get("kappa", 1))
    rest = 0.0 if proof.kind == OUTER else _bound(proof, np.zeros(1), evidence.x)[0]
    share = kappa * (evidence.measured[0] - rest) / evidence.before[0]
    return float(np.max(np.maximum(share, 0.0) ** (1 / evidence.x)))


def hunt(proof: Proof, evaluations: int = 600, seeds: Sequence[int] = (0, 1, 2)) -> tuple[Searched, dict]:
    """Search for the worst game of a proof; return what was found last and the row of it.

    Parameters
    ----------
    proof : Proof
        One with certificates.
    evaluations : int
        Instances measured, for every seed.
    seeds : sequence of int

    Returns
    -------
    worst : Searched
    row : dict
        ``rule, tau, eta, kind, claimed, claimed_factor, proved, found, found_over_proved, tightness, evaluations`` and
        more; the factors are ``None`` for a bound on averages, whose ``found_over_proved`` is gap over bound.
    """
    claim = claim_of(proof)
    every = [search(claim, evaluations=evaluations, seed=seed) for seed in seeds]
    worst = max(every, key=lambda one: one.reached)
    # a factor of a step counts games far from and near to the equilibrium alike: the largest of the seeds
    factors = [found_factor(proof, one.instance) for one in every]
    factor = None if proof.kind == AVERAGE else max(factors)
    proved = None if proof.factor is None else float(proof.factor)
    return worst, {
        "rule": proof.rule.name,
        "tau": proof.tau,
        "eta": proof.eta,
        "kind": proof.kind,
        "claimed": "; ".join(theorem.statement for theorem in proof.rule.theorems[:1]),
        "claimed_tag": "".join(theorem.tag for theorem in proof.rule.theorems[:1]),
        "claimed_factor": _claimed(proof),
        "proved": proved,
        "constant": float(proof.parameters.get("constant", 0)),
        "found": factor,
        "found_over_proved": worst.ratio if not proved else factor / proved,
        "tightness": worst.tightness,
        "violated": any(one.violated for one in every),
        "actions": worst.instance.actions,
        "evaluations": sum(one.evaluations for one in every),
    }


def _claimed(proof: Proof) -> float | None:
    """Return the factor a step of the rule's own theorem on KL, late in a run, where that is linear."""
    bound = proof.rule.bound("kl_to_equilibrium", proof.tau, np.array([1, 2, 3]), Start(kl=1.0))
    if bound is None or not np.all(bound > 0) or abs(bound[1] ** 2 / (bound[0] * bound[2]) - 1) > 1e-9:
        return None
    return float(bound[1] / bound[0])


def hunt_all(
    out: str | Path = FOUND, progress: Callable[[int, int], None] | None = None, **options
) -> list[dict]:
    """Search for the worst game of every certificate of the package; write the rows, one a rule of the registry.

    Parameters
    ----------
    out : str or Path
    progress : callable or None
        Called as ``progress(done, total)``.
    **options
        Of ``hunt``.
    """
    rows = []
    for done, cls in enumerate(RULES, 1):
        file = FOLDER / f"{cls.name}.json"
        if file.is_file():
            rows.append(hunt(check(file), **options)[1])
        if progress is not None:
            progress(done, len(RULES))
    write_text(out, to_json(rows, indent=1) + "\n")
    return rows


@cache
def found_table() -> dict[str, dict]:
    """Return what was found of every rule with a certificate, by its name."""
    return {row["rule"]: row for row in json.loads(FOUND.read_text(encoding="utf-8"))}


#: Columns of ``comparison``.
COLUMNS = ("rule", "claimed", "proved", "worst found", "found/proved", "tightness")


def comparison() -> list[tuple[str, ...]]:
    """Return the table "claimed, proved, found" of all rules as text, a tuple of ``COLUMNS`` each.

    All of it is what the certificates of the package, and the search for their worst games, say.
    """
    rows, found = [], found_table()
    for cls in RULES:
        row, worst = table()[cls.name], found.get(cls.name)
        claimed = "; ".join(theorem.statement for theorem in cls.theorems[:1]) or "nothing"
        proved = row["status"].removeprefix("proved, checked exactly").lstrip(":, ")
        cells = ["-", "-", "-"]
        if worst is not None:
            factor = "-" if worst["found"] is None else f"{worst['found']:.6g}"
            tight = f"{worst['tightness']:.4f}" if worst["tightness"] else "no rate is stated"
            cells = [factor, f"{worst['found_over_proved']:.4f}", tight]
        rows.append((cls.name, claimed, proved, *cells))
    return rows
