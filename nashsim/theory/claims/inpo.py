"""Zhang et al., Iterative Nash Policy Optimization, arXiv 2407.00617: last iterate, average, and its regression."""

from __future__ import annotations

import numpy as np

from ...equilibrium import duality_gap
from ...logspace import kl, log_normalise
from ...rules import INPO
from .claim import Claim, Control, Evidence
from .domain import Domain
from .instance import Stack
from .rounding import EPS, once
from .rule_claims import flipped, kl_slack, log_mean_exp, mutated, payoffs, play
from .structures import moderate

_INPO = "INPO, arXiv 2407.00617"


def _scheduled(tau: float, share: float) -> INPO:
    return INPO()


def _last_iterate(stack: Stack, algorithm) -> Evidence:
    path = play(stack, algorithm(stack.tau, stack.step), 1000, record="log")
    late = path.steps > 0
    divergence = kl(stack.log_equilibrium, path.log_policies[late]).T
    ratio = np.abs(path.log_policies - stack.log_reference).max(axis=(0, 2))
    # B by its definition, max over the whole path, and never below what the weights of the payoffs allow
    c = np.maximum(np.maximum(ratio, 1 / stack.tau) * stack.tau, 1)[:, None]
    bound = 32 * c**2 / (stack.tau**2 * (path.steps[late] + 1))
    return Evidence(path.steps[late], divergence, bound, kl_slack(stack, divergence))


def _field(stack: Stack, log_policies: np.ndarray) -> np.ndarray:
    """Return F(pi) = P(. ≻ pi) - tau log pi/mu along a path: a step is pi+ ∝ pi exp(eta F)."""
    return payoffs(stack, log_policies) - stack.tau * (log_policies - stack.log_reference)


def _step(stack: Stack, algorithm) -> Evidence:
    """KL(pi*, pi_{t+1}) against (1 - eta tau) KL(pi*, pi_t) + 8 C^2 eta^2."""
    eta, path = stack.step / stack.tau, play(stack, algorithm(stack.tau, stack.step), 60)
    divergence = kl(stack.log_equilibrium, path.log_policies).T
    largest = np.abs(path.log_policies - stack.log_reference).max(axis=(0, 2))
    c, before = np.maximum(stack.tau * largest, 1)[:, None], divergence[:, :-1]
    bound = (1 - eta * stack.tau) * before + 8 * (c * eta) ** 2
    return Evidence(path.steps[1:], divergence[:, 1:], bound, kl_slack(stack, before), before=before)


def _descent(stack: Stack, algorithm) -> Evidence:
    """KL(pi*, pi_{t+1}) along the schedule against its value by three-point identities."""
    path = play(stack, algorithm(stack.tau, stack.step), 100)
    policies, star = path.log_policies[:-1], stack.log_equilibrium
    share = 2 / (path.steps[:-1, None] + 2)
    grown = log_mean_exp(policies, share[:, :, None] / stack.tau * _field(stack, policies))
    divergence, back = kl(star, path.log_policies), kl(policies, star)
    before = divergence[:-1]
    bound = before - share * (before + back) + grown
    slack = kl_slack(stack, before.T) + 32 * EPS * (stack.actions + before + back + grown).T
    return Evidence(path.steps[1:], divergence[1:].T, bound.T + slack, slack, before=before.T)


_HORIZONS = np.array([4, 16, 64, 256])


def _inverse(tau: float, share: float) -> float:
    """Return 16/share, or tau where that is more: the least eta_I that keeps the base's weight in [0, 1]."""
    return max(16 / share, tau)


def _constant(tau: float, share: float) -> INPO:
    return INPO(eta_inverse=_inverse(tau, share))


def _averages(stack: Stack, algorithm):
    """Return eta, the path, and mean policies, mean span(F)^2 and mean KL(pi_t, mu) of the first T, by horizon."""
    path = play(stack, algorithm(stack.tau, stack.step), int(_HORIZONS[-1])).log_policies
    squares = np.ptp(_field(stack, path), axis=2) ** 2
    pulls = kl(path, stack.log_reference)
    means = [
        [values[:horizon].mean(axis=0) for horizon in _HORIZONS] for values in (np.exp(path), squares, pulls)
    ]
    return 1 / _inverse(stack.tau, stack.step), path, *map(np.array, means)


def _average(stack: Stack, algorithm) -> Evidence:
    """DualGap of the average of T iterates against 2D/(eta T) + (eta/4) mean span(F_t)^2."""
    eta, _, averages, squares, _ = _averages(stack, algorithm)
    gaps = np.array([duality_gap(stack.game, log_normalise(np.log(average))) for average in averages]).T
    bound = 2 * stack.diameter[:, None] / (eta * _HORIZONS) + eta / 4 * squares.T
    return Evidence(_HORIZONS, gaps, bound, 1e-12 * (1 + stack.tau), x_label="T")


def _regret(stack: Stack, algorithm) -> Evidence:
    """max_pi sum_t J(pi, pi_t) - 1/2 + tau KL(pi, pi_t) by its closed form's maximiser b, against the lemma at b."""
    eta, path, averages, squares, pulls = _averages(stack, algorithm)
    gained = np.einsum("kyz,tkz->tky", stack.skew, averages)
    best = log_normalise(stack.log_reference + gained / stack.tau)
    regret = (np.exp(best) * gained).sum(axis=2) + stack.tau * (pulls - kl(best, stack.log_reference))
    apart = np.array([kl(b, path[:horizon]).mean(axis=0) for b, horizon in zip(best, _HORIZONS, strict=True)])
    ends = [kl(b, path[0]) - kl(b, path[horizon]) for b, horizon in zip(best, _HORIZONS, strict=True)]
    bound = np.array(ends).T / (eta * _HORIZONS) + eta / 8 * squares.T
    size = stack.tau * (pulls + apart + kl(best, stack.log_reference)).T + kl(best, path[0]).T / (
        eta * _HORIZONS
    )
    slack = 64 * EPS * stack.actions * (1 + size + np.abs(path).max(axis=(0, 2))[:, None] / eta)
    return Evidence(_HORIZONS, (regret + stack.tau * apart).T, bound, slack, x_label="T")


def _equal_losses(stack: Stack, algorithm) -> Evidence:
    """Differences between policies of INPO's two losses, which are one loss up to a constant."""
    pairs_of, eta = algorithm, 0.5
    errors, sizes = [], []
    for log_policy, log_reference, skew in zip(stack.log_start, stack.log_reference, stack.skew, strict=True):
        policy = np.exp(log_policy)
        weights, wins = pairs_of(policy, np.exp(log_reference)), skew + 0.5
        payoff = skew @ policy
        exact = eta * (payoff[:, None] - payoff)
        found = []
        for f in (log_reference, log_policy, np.zeros_like(policy)):
            h = f[:, None] - f
            seen = (weights * (wins * (h - eta / 2) ** 2 + wins.T * (h + eta / 2) ** 2)).sum()
            found.append((seen, (weights * (h - exact) ** 2).sum()))
        seen, told = np.diff(np.array(found), axis=0).T
        errors.append(np.abs(seen - told).max())
        sizes.append(1 + np.max(found))
    return once(np.array(errors), 64 * EPS * stack.actions * np.array(sizes))


def _regression(stack: Stack, algorithm) -> Evidence:
    """The minimiser of E (h(y, y') - target)^2 over pairs, against the exact step eta P(. ≻ pi)."""
    pairs_of, label_difference = algorithm
    eta = 0.5
    errors, sizes = [], []
    for log_policy, log_reference, skew in zip(stack.log_start, stack.log_reference, stack.skew, strict=True):
        policy = np.exp(log_policy)
        weights = pairs_of(policy, np.exp(log_reference))
        payoff = skew @ policy
        target = payoff[:, None] - payoff if label_difference else skew  # E of ±1/2: winner minus loser
        found = least_squares(weights, eta * target)
        errors.append(np.ptp(found - eta * payoff) / 2)
        sizes.append(1 / weights[~np.eye(len(policy), dtype=bool)].min())
    # normal equations of condition up to 1/min weight
    return once(np.array(errors), 64 * EPS * stack.actions * np.array(sizes))


def least_squares(weights: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return f minimising sum_yz weights (f_y - f_z - target_yz)^2, with sum f = 0.

    Parameters
    ----------
    weights, target : ndarray, shape (actions, actions)
        The target is skew.
    """
    both = weights + weights.T
    laplacian = np.diag(both.sum(axis=1)) - both + both.mean()  # the mean fixes the constant
    found = np.linalg.solve(laplacian, (both * target).sum(axis=1))
    return found - found.mean()


def _on_policy(policy: np.ndarray, reference: np.ndarray) -> np.ndarray:
    return np.outer(policy, policy)


def _off_policy(policy: np.ndarray, reference: np.ndarray) -> np.ndarray:
    return np.outer(reference, policy)


#: Where an average that goes the wrong way is told soon.
_AVERAGED = Domain(tau=(0.03, 0.3), step=(4.0, 16.0), floor=5.0)

#: The schedule has no step to choose, and is dear to follow.
_SCHEDULED = Domain(actions=(2, 12), step=(1.0, 1.0))

CLAIMS = (
    Claim(
        id="inpo-last",
        statement="KL(π*, π_T) ≤ 32C²/(τ²(T+1)) with η_I,t = τ(t+2)/2, C = max(Bτ, 1), B ≥ max|log π_t/μ|",
        source=f"{_INPO}, last-iterate theorem",
        tag="paper",
        kind="bound",
        conditions="INPO with its schedule, from any start, T ≥ 1",
        quantity="KL(π*, π_T)",
        predicted="32C²/(τ²(T+1))",
        measure=_last_iterate,
        algorithm=_scheduled,
        control=Control(
            "sign of the payoff flipped",
            mutated(_scheduled, flipped),
            Domain(tau=(0.8, 1.5), actions=(2, 5)),
        ),
        domain=_SCHEDULED,
        rules=("inpo",),
    ),
    Claim(
        id="inpo-average",
        statement="DualGap(average of T iterates) ≤ 2D/(ηT) + (η/4) mean span(F_t)², F = Pπ − τ log π/μ;"
        " at η of order √(D/T)/C it is O(C√(D/T))",
        source=f"derived; {_INPO}, average-iterate theorem, has O(C√(D/T)), D = max KL(·‖π_1)",
        kind="bound",
        conditions="INPO, any constant step, any start",
        quantity="DualGap of the average iterate",
        predicted="2D/(ηT) + (η/4) mean span(F_t)²",
        measure=_average,
        algorithm=_constant,
        control=Control("sign of the payoff flipped", mutated(_constant, flipped), _AVERAGED),
        domain=Domain(actions=(2, 40), step=(0.1, 16.0)),
        rules=("inpo",),
    ),
    Claim(
        id="inpo-regret",
        statement="Σ_t J(π, π_t) − 1/2 + τ KL(π, π_t) ≤ (KL(π, π_1) − KL(π, π_{T+1}))/η + (η/8) Σ_t span(F_t)²"
        " for every π",
        source=f"derived; the regret lemma of {_INPO}, with the constants of its proof (8C² for span²/8) sharpened",
        kind="bound",
        conditions="INPO, any constant step, any start; π the best response to the average",
        quantity="mean_t J(π, π_t) − 1/2 + τ KL(π, π_t)",
        predicted="(KL(π, π_1) − KL(π, π_{T+1}))/(ηT) + (η/8) mean span(F_t)²",
        measure=_regret,
        algorithm=_constant,
        control=Control("sign of the payoff flipped", mutated(_constant, flipped), _AVERAGED),
        domain=Domain(actions=(2, 40), step=(0.1, 16.0)),
        rules=("inpo",),
    ),
    Claim(
        id="inpo-step",
        statement="KL(π*, π_{t+1}) ≤ (1 − τ/η_I) KL(π*, π_t) + 8C²/η_I², C = max(Bτ, 1), B ≥ max|log π_t/μ|",
        source=f"{_INPO}, the inequality behind the last-iterate theorem; constants checked by proof",
        kind="bound",
        conditions="INPO at any constant η_I ≥ τ, from any start",
        quantity="KL(π*, π_{t+1})",
        predicted="(1 − τ/η_I) KL(π*, π_t) + 8C²/η_I²",
        measure=_step,
        algorithm=lambda tau, share: INPO(eta_inverse=tau / share),
        control=Control(
            "sign of the payoff flipped, at small steps",
            mutated(lambda tau, share: INPO(eta_inverse=tau / share), flipped),
            Domain(step=(0.002, 0.01), tau=(0.1, 3.0), floor=30.0),
        ),
        domain=Domain(step=(0.002, 1.0)),
        rules=("inpo",),
    ),
    Claim(
        id="inpo-descent",
        statement="KL(π*, π_{t+1}) ≤ KL(π*, π_t) − ητ (KL(π*, π_t) + KL(π_t, π*)) + log E_π exp(η(F − E_π F)):"
        " equality",
        source=f"derived by three-point identities: what the step inequality of {_INPO}, leaves out",
        kind="bound",
        conditions="INPO with its schedule, from any start; F = Pπ_t − τ log π_t/μ",
        quantity="KL(π*, π_{t+1})",
        predicted="KL(π*, π_t) − ητ (KL(π*, π_t) + KL(π_t, π*)) + log E_π exp(η(F − E_π F))",
        measure=_descent,
        algorithm=_scheduled,
        control=Control("sign of the payoff flipped", mutated(_scheduled, flipped)),
        domain=_SCHEDULED,
        rules=("inpo",),
    ),
    Claim(
        id="inpo-losses",
        statement="E(h − 1/(2η_I))² on winner-first pairs and E(h − (P(y ≻ π_t) − P(y' ≻ π_t))/η_I)² differ by a"
        " constant in h",
        source=f"{_INPO}, Proposition 6; proof derived",
        kind="identity",
        conditions="any game, pairs i.i.d. from π_t",
        quantity="|difference of differences between three policies|",
        predicted="64nε × loss",
        measure=_equal_losses,
        algorithm=_on_policy,
        control=Control("pairs off policy: y ~ μ, y' ~ π_t", _off_policy),
        domain=Domain(actions=(3, 10)),
    ),
    Claim(
        id="inpo-regression",
        statement="E(h(y,y') − 1/(2η_I))² on winner-first pairs y, y' ~ π_t is least at the exact step",
        source=f"{_INPO}, its loss",
        tag="paper",
        kind="identity",
        conditions="any game, pairs i.i.d. from π_t",
        quantity="max |log π_min − log π_{t+1}|",
        predicted="64nε/min weight",
        measure=_regression,
        algorithm=(_on_policy, False),
        control=Control("pairs off policy: y ~ μ, y' ~ π_t", (_off_policy, False)),
        domain=Domain(actions=(3, 10), structure=moderate),
    ),
    Claim(
        id="label-difference",
        statement="I[y ≻ z] − I[y' ≻ z], z ~ π_t, is unbiased under any distribution of pairs: its regression is exact",
        source="derived; ENPO, arXiv 2606.01382",
        kind="identity",
        conditions="any game, pairs from any full distribution",
        quantity="max |log π_min − log π_{t+1}|",
        predicted="64nε/min weight",
        measure=_regression,
        algorithm=(_off_policy, True),
        control=Control("INPO's target on the same pairs", (_off_policy, False)),
        domain=Domain(actions=(3, 10), structure=moderate),
    ),
)
