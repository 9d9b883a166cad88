"""Where labels come from: what inattention, sides and fatigue leave of a game, and the effort that contracts buy."""

from __future__ import annotations

from math import ceil

import numpy as np

from ...equilibrium import solve_newton
from ...game import PreferenceGame
from ...online import Consistency, Duels, Linear, Threshold
from .claim import Claim, Control, Evidence
from .domain import Domain
from .instance import Instance, Stack
from .regularisers import spread
from .rounding import EPS, logit_rounding, once

_SESSION, _FLIPS, _LABELS = 12, 0.1, 200
#: First grid of ``best_effort``.
_GRID = 1 / 4000
#: Relative error of SciPy's binomial distribution function, in units of rounding, and of the sum written out here.
_BINOMIAL = 256


def _person(stack: Stack) -> dict[str, float]:
    """Return attention theta, the share of first places taken unread, and the rate of fatigue."""
    return {
        "attention": stack.step,
        "position_bias": (1 - stack.step) / 2,
        "fatigue": stack.step / 5,
    }


def _attention(stack: Stack, mean: str) -> Evidence:
    """The Nash policy of a session's labels, both orders alike, at tau, and that of P at tau over what is left."""
    person, n = _person(stack), stack.actions
    duels = Duels(stack.game, noise=_FLIPS, session=_SESSION, **person)
    contexts, y, z, since = np.indices((len(stack), n, n, _SESSION))
    chance = duels.chance(y, z, contexts, since).mean(axis=-1)
    skew = (chance - chance.swapaxes(1, 2)) / 2
    rate = person["fatigue"]
    if mean == "session":
        fading = -np.expm1(-rate * _SESSION) / (-np.expm1(-rate) * _SESSION)
    else:
        fading = np.exp(-rate * (_SESSION - 1) / 2)
    left = person["attention"] * (1 - person["position_bias"]) * (1 - 2 * _FLIPS) * fading
    labels = PreferenceGame(0.5 + skew, log_reference=stack.log_reference, tau=stack.tau)
    one = solve_newton(labels).log_policy
    other = solve_newton(stack.game.replace(tau=stack.tau / left)).log_policy
    return once(np.abs(one - other).max(axis=1), 4 * logit_rounding(stack, one, other) / left)


def _contract(kind: str, instance: Instance, factor: float = 1.0):
    """Return a contract and its work, read off the arrays of an instance of three actions; tau is the cost."""
    paid, share, clarity = instance.skew[0, 1] + 0.5, instance.skew[0, 2] + 0.5, instance.skew[1, 2] + 0.5
    questions = 1 + round(29 * instance.step)
    bonus = factor * 2 * _LABELS * instance.tau * paid
    made = {
        "linear": lambda: Linear(bonus),
        "threshold": lambda: Threshold(bonus, max(share, 1 / questions)),
        "consistency": lambda: Consistency(bonus, max(clarity, 0.01)),
    }[kind]()
    return made, {"labels": _LABELS, "questions": questions, "cost": instance.tau}


def _effort(kind: str):
    def measure(stack: Stack, factor: float) -> Evidence:
        """What the effort of the contract, its bonus times a factor, lacks to the best profit, found apart."""
        lost, allowed = [], []
        for instance in stack.instances:
            found = _contract(kind, instance, factor)[0].best_effort(**_contract(kind, instance)[1]).attention
            contract, work = _contract(kind, instance)
            profit, candidates = _EXACT[kind](contract, **work)
            values = np.sort([profit(theta) for theta in candidates])
            size = contract.bonus + work["labels"] * work["cost"]
            slack = (16 if kind != "threshold" else 2 * _BINOMIAL) * EPS * size
            if kind == "threshold" and len(values) > 1:
                # of two maxima nearer than what a grid sees of a curvature, either may be chosen
                curvature = contract.bonus * work["questions"] * (work["questions"] - 1) / 4 + size
                apart = values[-1] - values[-2]
                slack += apart if apart <= curvature * _GRID**2 / 8 else 0.0
            lost.append(values[-1] - profit(found))
            allowed.append(slack)
        return once(np.array(lost), np.array(allowed))

    return measure


def _closed(contract, labels, questions, cost):
    """Return the profit of a linear contract, or of one by consistency, and where it may be largest."""
    total = labels * cost
    if isinstance(contract, Linear):
        return lambda theta: contract.bonus * theta - total * theta**2 / 2, [min(1.0, contract.bonus / total)]
    worth = contract.bonus * contract.clarity
    return lambda theta: (worth - total / 2) * theta**2, [0.0, 1.0]


def _roots(contract, labels, questions, cost):
    """Return the profit of a threshold, a sum written out, and its ends and the roots of its first-order condition.

    pay' = bonus (m/2) C(m-1, k-1) p^(k-1) (1 - p)^(m-k), p = (1 + theta)/2; the logarithm of pay'/theta turns where
    -(m - 2) theta^2 + (2k - 1 - m) theta - 1 = 0, so that pay' = labels cost theta at most once between.
    """
    from scipy.optimize import brentq
    from scipy.special import comb

    m, total = questions, labels * cost
    k = ceil(contract.share * m - 1e-9)
    right = np.arange(k, m + 1)
    ways = comb(m, right)

    def profit(theta):
        p = (1 + theta) / 2
        return contract.bonus * (ways * p**right * (1 - p) ** (m - right)).sum() - total * theta**2 / 2

    def slope(theta):
        p = (1 + theta) / 2
        return contract.bonus * m / 2 * comb(m - 1, k - 1) * p ** (k - 1) * (1 - p) ** (m - k) - total * theta

    turns = np.roots([2.0 - m, 2 * k - 1 - m, -1.0])
    turns = np.sort(turns[np.isreal(turns)].real)
    between = [0.0, *turns[(turns > 0) & (turns < 1)], 1.0]
    found = [
        brentq(slope, low, high, xtol=1e-15)
        for low, high in zip(between, between[1:], strict=False)
        if slope(low) > 0 > slope(high)
    ]
    return profit, [0.0, 1.0, *found]


_EXACT = {"linear": _closed, "threshold": _roots, "consistency": _closed}
_SOURCE = "derived; contracts for annotators as in the golden questions of arXiv 2505.19134 [second hand]"


def _effort_claim(kind: str, statement: str, conditions: str, games: int | None = 300) -> Claim:
    return Claim(
        id=f"contract-{kind}",
        statement=statement,
        source=_SOURCE,
        kind="identity",
        conditions=f"{conditions}; cost θ²/2 a label, {_LABELS} labels, 4 to 30 checks, bonus up to 2 labels cost",
        quantity="profit that the chosen effort lacks to the best",
        predicted="rounding",
        measure=_effort(kind),
        algorithm=1.0,
        control=Control("a bonus of twice the slope", 2.0),
        domain=Domain(actions=(3, 3), tau=(0.05, 2.0)),
        games=games,
    )


CLAIMS = (
    Claim(
        id="label-attention",
        statement="labels read with probability θ, flipped with ε, first place unread with b, sides at random,"
        " attention e^{−fk} in the k-th of K: their Nash policy at τ is that of P at τ/θ̄,"
        " θ̄ = θ (1 − b)(1 − 2ε)(1 − e^{−fK})/(K (1 − e^{−f}))",
        source="derived; golden questions, arXiv 2505.19134 [second hand]",
        kind="identity",
        conditions=f"any game and τ > 0; θ in [0.1, 1], b = (1 − θ)/2, f = θ/5, K = {_SESSION}, ε = {_FLIPS};"
        " log μ within 6 of its largest",
        quantity="max |log π − log π'|",
        predicted="rounding",
        measure=_attention,
        algorithm="session",
        control=Control("the attention of the middle of a session", "middle"),
        domain=Domain(actions=(2, 12), structure=spread),
        games=300,
    ),
    _effort_claim(
        "linear", "a bonus B θ in expectation buys the effort min(1, B/(labels cost))", "golden questions, any B",
    ),
    _effort_claim(
        "threshold",
        "a bonus B for k of m right buys 0, 1 or a root of B (m/2) C(m−1, k−1) p^{k−1} (1 − p)^{m−k} = labels cost θ,"
        " p = (1 + θ)/2: the most profitable of them",
        "sure golden questions, any B and k",
        games=40,
    ),
    _effort_claim(
        "consistency",
        "a bonus B (2 agreement − 1) on questions asked twice in swapped order buys 1 where B E(2p − 1)² >"
        " labels cost/2, and 0 below",
        "any B and clarity",
    ),
)  # fmt: skip
