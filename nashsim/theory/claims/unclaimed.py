"""Theorems of the papers that no claim here states, and why: mostly constants that were not to be read."""

from __future__ import annotations

from typing import NamedTuple


class Unclaimed(NamedTuple):
    """A theorem without a claim: what it says, where, why it cannot be measured, and the nearest claim there is."""

    theorem: str
    source: str
    why: str
    nearest: str


#: Every theorem of the papers in use that has no claim.
UNCLAIMED = (
    Unclaimed(
        "approximate Nash-MP: error of inexact proximal steps",
        "Nash Mirror Prox, arXiv 2505.19731v1",
        "constants not known: only its abstract was read",
        "nash-mp-sgd-gradient (the gradient it follows is exact)",
    ),
    Unclaimed(
        "Nash Prox with stochastic gradients, high probability",
        "Proximal Point NLHF, arXiv 2505.19731v2",
        "constants not known: only its abstract was read",
        "nash-prox-any, nash-prox-sgd-gradient",
    ),
    Unclaimed(
        "DNO, Theorem 1: TV² ≤ O(C R² log(|Π|/δ)/N)",
        "DNO, arXiv 2404.03715",
        "the constant C R² depends on a class Π of rewards and on a coverage that the statement leaves open",
        "dno-pairs (the order 1/N)",
    ),
    Unclaimed(
        "DNO regularised, options I and II",
        "DNO, arXiv 2404.03715",
        "option I is the one-call map and is claimed as that; no rule here is option II",
        "one-call-linear",
    ),
    Unclaimed(
        "ENPO: O(√T) regret without e^{1/τ}, constants",
        "ENPO, arXiv 2606.01382",
        "constants not known: only its abstract was read",
        "enpo-regret, enpo-oracle-regret, exploration-waits",
    ),
    Unclaimed(
        "EGPO with noise: gap at a noise of variance σ²",
        "EGPO, arXiv 2503.08942",
        "constants not known; a constant step on noisy labels keeps a floor, which is measured in figures/noise",
        "egpo-linear (without noise)",
    ),
    Unclaimed(
        "COMAL, rate from afar; MPO, rate of the original gap",
        "COMAL, arXiv 2410.23223; MPO, arXiv 2410.16714",
        "statements second hand; from afar the rate depends on the game, near the lottery it is exact",
        "comal-monotone, comal-last, mpo-monotone, mpo-last",
    ),
    Unclaimed(
        "ONPO, Theorem 3: constants of the linear last iterate",
        "ONPO, arXiv 2502.16852",
        "the constants depend on the game and were not read; near the lottery the rate is exact",
        "onpo-last",
    ),
    Unclaimed(
        "OMWU: burn-in, and linear rate after it",
        "OMWU, arXiv 1807.04252; 2512.24818 (abstract)",
        "constants depend on the game; the range of η is not known",
        "omwu-last",
    ),
    Unclaimed(
        "PEPO: single-policy concentrability of ensembles",
        "PEPO, arXiv 2602.06239",
        "constants not known; it is of logs, whose coverage a claim would have to state",
        "pepo-rejection (its law of rejection), pessimistic-gap (coverage of π* in games)",
    ),
    Unclaimed(
        "XPO: regret of exploratory preference optimisation",
        "XPO, arXiv 2405.21046",
        "it is of Bradley-Terry rewards and their coverability coefficient, which no game here has",
        "minimax-adversary-regret",
    ),
    Unclaimed(
        "enhancer: regret by an eluder coefficient",
        "Ye et al., arXiv 2402.07314",
        "constants not known (second hand); the order is claimed",
        "minimax-adversary-regret, regret-log",
    ),
    Unclaimed(
        "greedy sampling: O(log T) with e^{1/τ}",
        "Wu et al., arXiv 2510.24700",
        "constants not known (second hand); measured in figures/regret-actions",
        "exploration-waits",
    ),
)
