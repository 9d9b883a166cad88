"""Other solutions: what k samples promise, Borda's distortion, values of Blackwell, CVaR and Stackelberg policies."""

from __future__ import annotations

from itertools import product

import numpy as np

from ...equilibrium import lottery
from ...game import PreferenceGame
from ...logspace import kl, log_normalise
from ...preferences import AnnotatorPreference
from ...solutions import blackwell_winner, cvar, cvar_policy, guarantee, sample_nash, solutions
from .claim import Claim, Control, Evidence
from .crowds import _SHARPEST, _deceiving, population
from .domain import Domain
from .instance import Instance, Stack
from .regularisers import spread
from .rounding import EPS, once

_SAMPLES = 3


def _chosen(utilities: np.ndarray, shares: np.ndarray, policy: np.ndarray, samples: int) -> np.ndarray:
    """Return P(y is chosen beside k samples of the policy) of every y, by all ordered draws; users choose as Luce's."""
    rates = np.exp(utilities - utilities.max(axis=1, keepdims=True))
    draws = np.array(list(product(range(len(policy)), repeat=samples)))
    rivals = rates[:, draws].sum(axis=2)
    won = rates[:, :, None] / (rates[:, :, None] + rivals[:, None, :])
    return shares @ (won @ policy[draws].prod(axis=1))


def _crowd(instance: Instance) -> tuple[np.ndarray, np.ndarray, int]:
    """Return utilities (P - 1/2)/tau, shares (the start) and k, the step's share of 3."""
    return instance.skew / instance.tau, np.exp(instance.log_start), round(_SAMPLES * instance.step)


def _promise(stack: Stack, players: str) -> Evidence:
    measured, bound, slack = [], [], []
    for instance in stack.instances:
        utilities, shares, samples = _crowd(instance)
        if players == "two":
            game = PreferenceGame(AnnotatorPreference(utilities, shares / shares.sum()))
            policy, gap = lottery(game).probabilities[0], 0.0
        else:
            found = sample_nash(utilities, samples, shares / shares.sum())
            policy, gap = found.probabilities, found.gap
        measured.append(_chosen(utilities, shares, policy, samples).max())
        bound.append(1 / (samples + 1))
        # what the solver left, by its own account, and sums of n^k products
        slack.append(gap + 8 * EPS * len(policy) ** samples)
    return once(measured, bound, slack)


def _no_more(stack: Stack, other: bool) -> Evidence:
    """E_(y~pi) P(y is chosen beside k samples of pi) against 1/(k+1); of another policy's y for the control."""
    errors = []
    for instance in stack.instances:
        utilities, shares, samples = _crowd(instance)
        policy = np.exp(instance.log_reference)
        challenger = np.full(len(policy), 1 / len(policy)) if other else policy
        wins = challenger @ _chosen(utilities, shares, policy, samples)
        errors.append(abs(wins - 1 / (samples + 1)))
    return once(np.array(errors), np.full(len(errors), 8 * EPS * stack.actions**_SAMPLES))


def _borda(stack: Stack, algorithm: str) -> Evidence:
    beta, measured, bound, slack = _SHARPEST * stack.step, [], [], []
    for instance in stack.instances:
        utilities, shares = population(instance)
        margins = 0.5 * np.tanh(0.5 * beta * (utilities[:, :, None] - utilities[:, None, :]))
        welfare, skew = shares @ utilities, np.tensordot(shares, margins, axes=1)
        played = instance.log_reference > -500
        scores = skew.sum(axis=1) if algorithm == "borda" else np.where(played, skew[:, -1], -np.inf)
        ties = scores >= scores.max() - 4 * EPS * stack.actions
        measured.append(guarantee(beta) ** 2 * welfare.max())
        bound.append(welfare[ties].min())
        # scores that are off by their rounding change welfare by 4/beta times that, the proof's last line
        slack.append(16 * EPS * stack.actions / beta)
    return once(measured, bound, slack)


def _blackwell(stack: Stack, against: str) -> Evidence:
    """v_0 <= v_tau, and v_tau <= v_0 + tau sum w_i KL(q_i || mu), both proved from either side to rounding."""
    measured, bound = [], []
    for instance in stack.instances:
        turned = instance.replace(skew=instance.skew[::-1, ::-1])
        criteria = [instance.game, turned.game]
        if against == "mean":
            mean = instance.replace(skew=(instance.skew + turned.skew) / 2).game
            policy, gap = blackwell_winner([mean]).probabilities, 0.0
            value = min(_entropic(game, policy) for game in criteria)
        else:
            found = blackwell_winner(criteria)
            value, gap = found.value, found.gap
        least, most = _unregularised(criteria, stack.tau)
        measured.append([least, value])
        bound.append([value + gap, most])
    # logarithms of sums of n numbers
    slack = 8 * EPS * (stack.actions + 8) * (1 + stack.tau * 8)
    return Evidence(np.arange(2), np.array(measured), np.array(bound), slack, x_label="end of the range")


def _entropic(game: PreferenceGame, policy: np.ndarray) -> float:
    """Return -tau log E_(y'~mu) exp(-P(pi ≻ y')/tau)."""
    logits = game.log_reference[0] - policy @ game.probabilities[0] / game.tau
    return float(-game.tau * (logits.max() + np.log(np.exp(logits - logits.max()).sum())))


def _unregularised(criteria: list[PreferenceGame], tau: float) -> tuple[float, float]:
    """Return a policy's v_0, and the bound on v_tau of the opponents that hold it there, by linear programming."""
    from scipy.optimize import linprog

    columns = np.concatenate([game.probabilities[0].T for game in criteria])
    count, n = columns.shape
    cost, equal = np.append(np.zeros(n), -1.0), np.append(np.ones(n), 0.0)[None]
    found = linprog(cost, np.c_[-columns, np.ones(count)], np.zeros(count), equal, [1.0],
                    [(0, None)] * n + [(None, None)], method="highs")  # fmt: skip
    policy = np.maximum(found.x[:n], 0) / np.maximum(found.x[:n], 0).sum()
    dual = np.maximum(-found.ineqlin.marginals, 0)
    dual = (dual / dual.sum()).reshape(len(criteria), n)
    weights = dual.sum(axis=1)
    penalty = 0.0
    for weight, row, game in zip(weights, dual, criteria, strict=True):
        if weight > 0:
            inside = row > 0
            q = row[inside] / weight
            penalty += tau * weight * q @ (np.log(q) - game.log_reference[0][inside])
    return float((columns @ policy).min()), float((dual.ravel() @ columns).max() + penalty)


def _cvar(stack: Stack, averse: bool) -> Evidence:
    """1/2 <= max CVaR_alpha <= max_y P(y ≻ mu), and 1/2 where alpha is at most the least mu; alpha the step's share."""
    measured, bound = [], []
    for instance in stack.instances:
        game, mu = instance.game, np.exp(instance.log_reference)
        wins = game.probabilities[0]
        mean = wins @ mu
        row = []
        for alpha in (instance.step, mu.min()):
            if averse:
                found = cvar_policy(game, alpha)
                row.append((found.value, found.gap))
            else:
                row.append((cvar(wins[mean.argmax()], mu, alpha), 0.0))
        (value, gap), (worst, left) = row
        measured.append([0.5, value, 0.5, worst])
        bound.append([value + gap, mean.max(), worst + left, 0.5])
    slack = 8 * EPS * (stack.actions + 8)
    return Evidence(np.arange(4), np.array(measured), np.array(bound), slack, x_label="side")


def _pure(stack: Stack, solution: str) -> Evidence:
    """Whether a policy is pure, against whether some response beats all others."""
    beats = (stack.skew > 0).sum(axis=2).max(axis=1) == stack.actions - 1
    policy = (
        stack.lottery
        if solution == "lottery"
        else np.eye(stack.actions)[stack.skew.sum(axis=2).argmax(axis=1)]
    )
    # a response that plays counts by more than rounding; 1/2 tells yes from no
    return once(np.abs((policy.max(axis=1) > 1 - 1e-9) - 1.0 * beats), np.full(len(stack), 0.5))


def _leader(stack: Stack, answered: bool) -> Evidence:
    """The leader's payoff against its follower and the closed form; against mu's answers for the control."""
    errors, sizes = [], []
    for instance in stack.instances:
        game, tau, log_mu = instance.game, stack.tau, instance.log_reference
        leader = solutions(game, concepts=["stackelberg"]).probabilities["stackelberg"][0]
        wins = game.probabilities[0]
        logits = log_mu - wins / tau
        log_answers = log_normalise(logits) if answered else np.broadcast_to(log_mu, wins.shape)
        answers = np.exp(log_answers)
        value = (answers * wins).sum(axis=1) + tau * (answers * (log_answers - log_mu)).sum(axis=1)
        with np.errstate(divide="ignore"):
            payoff = leader @ value - tau * kl(np.log(leader), log_mu)
        closed = -tau * np.log(np.exp(logits).sum(axis=1))
        errors.append(abs(payoff - tau * np.log(np.exp(log_mu + closed / tau).sum())))
        sizes.append(1 + tau * np.abs(logits).max())
    return once(np.array(errors), 16 * EPS * (stack.actions + 8) * np.array(sizes))


_USERS = "users who choose y among k + 1 with probability e^(U_uy)/Σ e^(U_uz); 3 or 4 responses, k ≤ 3"
_K = Domain(actions=(3, 4), tau=(0.1, 1.0), step=(1 / 3, 1.0), structure=spread)
_PAPER = "Distortion of AI alignment, arXiv 2505.23749; derived: from c x ≤ σ(βx) − ½ ≤ βx/4 for x ≥ 0, c = σ(β) − ½"

CLAIMS = (
    Claim(
        id="lottery-pure",
        statement="the maximal lottery is pure if and only if some response beats all others",
        source="Nash policies and Condorcet cycles, arXiv 2503.10990 [second hand]; ties derived, for the least norm",
        kind="identity",
        conditions="any game, ties among them",
        quantity="pure or not, against a Condorcet winner or not",
        predicted="the same",
        measure=_pure,
        algorithm="lottery",
        control=Control("Borda's winner", "borda"),
        games=300,
    ),
    Claim(
        id="samples-promise",
        statement="k samples of the symmetric Nash policy of k + 1 players are chosen over any y at a rate ≥ k/(k + 1)",
        source="(k+1)-player alignment games, arXiv 2601.08777 [abstract]; for Luce's users derived",
        kind="bound",
        conditions=_USERS,
        quantity="rate at which y is chosen beside k samples",
        predicted="1/(k + 1)",
        measure=_promise,
        algorithm="k + 1",
        control=Control(
            "the lottery of two players, drawn k times",
            "two",
            Domain(actions=(3, 4), tau=(0.1, 0.3), step=(2 / 3, 1.0), structure=spread),
        ),
        domain=_K,
        games=40,
    ),
    Claim(
        id="samples-limit",
        statement="E_{y~π} P(y is chosen beside k samples of π) = 1/(k + 1) for every π: no policy promises more",
        source="derived: k + 1 independent draws of π share the choice evenly",
        kind="identity",
        conditions=_USERS,
        quantity="|difference|",
        predicted="rounding",
        measure=_no_more,
        algorithm=False,
        control=Control("y drawn uniformly", True),
        domain=_K,
        games=200,
    ),
    Claim(
        id="distortion-borda",
        statement="w(y) ≥ [4(σ(β) − 1/2)/β]² max w for the winner y of Borda's score against uniform opponents",
        source=_PAPER,
        kind="bound",
        conditions="users with utilities in [0, 1], choices σ(β(U_ui − U_uj)), β in [1, 20]",
        quantity="[4(σ(β) − 1/2)/β]² max w",
        predicted="w(Borda's winner)",
        measure=_borda,
        algorithm="borda",
        control=Control(
            "the largest reward fitted to pairs with one response that mu hardly has",
            "rlhf",
            Domain(actions=(3, 3), tau=(0.03, 0.05), step=(0.5, 0.6), floor=600.0, structure=_deceiving),
        ),
        domain=Domain(actions=(3, 8), step=(0.05, 1.0)),
    ),
    Claim(
        id="blackwell-value",
        statement="v_0 ≤ max_π min_i −τ log E_{y'~μ} exp(−P_i(π ≻ y')/τ) ≤ v_0 + τ Σ_i w_i KL(q_i ‖ μ),"
        " v_0 = max_π min_{i,y'} P_i(π ≻ y') with dual weights w_i q_i",
        source="MaxEnt Blackwell winners, arXiv 2602.19041 [inferred]; the range derived, by Gibbs' principle",
        kind="bound",
        conditions="two criteria on 2 to 6 responses, τ in [0.05, 1]; log μ within 6 of its largest",
        quantity="value of the winner's worst criterion",
        predicted="v_0 from below, v_0 + τ Σ w_i KL(q_i ‖ μ) from above",
        measure=_blackwell,
        algorithm="worst",
        control=Control("the winner of the mean criterion", "mean"),
        domain=Domain(actions=(2, 6), tau=(0.05, 1.0), step=(1.0, 1.0), structure=spread),
        games=40,
    ),
    Claim(
        id="cvar-value",
        statement="1/2 ≤ max_π CVaR_α over y' ~ μ of P(π ≻ y') ≤ max_y P(y ≻ μ), with 1/2 attained for α ≤ min μ",
        source="derived; CVaR by Rockafellar and Uryasev (2000) [recalled]",
        kind="bound",
        conditions="any game of 2 to 12 responses; log μ within 6 of its largest",
        quantity="CVaR_α of the win rates",
        predicted="1/2 from below, max_y P(y ≻ μ) from above",
        measure=_cvar,
        algorithm=True,
        control=Control("a best response to μ", False),
        domain=Domain(actions=(2, 12), structure=spread),
        games=40,
    ),
    Claim(
        id="stackelberg-value",
        statement="max_π min_ω E_{y~π}[E_{ω(·|y)} P(y ≻ y') + τ KL(ω(·|y) ‖ μ)] − τ KL(π ‖ μ) = τ log E_μ e^{v/τ},"
        " v(y) = −τ log E_μ e^{−P(y ≻ y')/τ}, reached by leader and follower",
        source="Stackelberg learning from human feedback, arXiv 2512.16626 [inferred]; derived by Gibbs' principle",
        kind="identity",
        conditions="any game, τ in [0.03, 3]; log μ within 6 of its largest",
        quantity="|difference|",
        predicted="rounding",
        measure=_leader,
        algorithm=True,
        control=Control("a follower who answers by the reference", False),
        domain=Domain(actions=(2, 12), tau=(0.03, 3.0), structure=spread),
        games=200,
    ),
)
