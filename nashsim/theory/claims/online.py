"""Regret of the online learners, whose preference is seen through duels only: 20 seeds on named games."""

from __future__ import annotations

import numpy as np

from ...equilibrium import exploitability
from ..fits import fit_rate
from .claim import Claim, Control, Evidence
from .domain import Domain
from .instance import Stack
from .rounding import once

_ROUNDS, _SEEDS, _FIRST = 10_000, 20, 100
#: Duels and seeds of the wait for a rare response.
_WAITED, _MANY = 2000, 100


def _regret(stack: Stack, algorithm) -> Evidence:
    """Mean over seeds of Reg_T/T, Reg_T = sum_t tau KL(pi_t || BR(pi_t)): a regret of order T^a decays as T^(a-1)."""
    from ...online import play_learner

    learner, curves = algorithm(stack.tau, stack.step), []
    for instance in stack.instances:
        played = play_learner(instance.game, learner, rounds=_ROUNDS, seeds=_SEEDS)
        late = played.rounds >= _FIRST
        curves.append(played.values["regret"].mean(axis=0)[late] / played.rounds[late])
    rounds, curves = played.rounds[late], np.array(curves)
    fits = tuple(fit_rate(rounds, curve, laws=["power"], predicted=0.5) for curve in curves)
    bound = curves[:, :1] * np.sqrt(rounds[0] / rounds)
    return Evidence(rounds, curves, bound, fits=fits, x_label="duels T")


#: Ridge of a fit that no number of duels moves.
_RIGID = 1e300


def _inpo(**options):
    def learner(tau: float, share: float):
        from ...online.learners.iterative import OnlineINPO

        return OnlineINPO(**options)

    return learner


def _nash_md(**options):
    def learner(tau: float, share: float):
        from ...online.learners.iterative import OnlineNashMD

        return OnlineNashMD(**options)

    return learner


def _enpo(explore: str):
    def with_options(**options):
        def learner(tau: float, share: float):
            from ...online.learners.enpo import ENPO

            return ENPO(explore=explore, **options)

        return learner

    return with_options


def _adversary(prior: tuple = ()):
    def learner(tau: float, share: float):
        from ...online.learners.minimax import MinimaxAdversary

        return MinimaxAdversary(prior=prior)

    return learner


#: Coins between all that no number of duels of these runs can talk anybody out of: the policy stays at the reference.
_COINS = tuple((i, j, 1e12) for i in range(3) for j in range(3) if i != j)
#: A transitive game that no number of duels of these runs can talk anybody out of.
_STUBBORN = tuple((winner, loser, 1e6) for winner, loser in ((0, 1), (0, 2), (1, 2)))
_CYCLES = Domain(
    actions=(3, 3),
    tau=(0.2, 0.2),
    games=("rps", "comal", "biased-rps", "p-eps", "dice", "three-humans"),
    cells=6,
)
_CONSTANT = "constant step η_I = 3τ on noisy labels"
_STEP = "O(√T) with a step of order 1/(τt); linear with a constant step"


def _log_growth(stack: Stack, algorithm) -> Evidence:
    """Mean regret of the last decade of rounds against twice that of the decade before: log T adds as much each."""
    from ...online import play_learner

    learner, measured, bound = algorithm(stack.tau, stack.step), [], []
    for instance in stack.instances:
        played = play_learner(instance.game, learner, rounds=_ROUNDS, seeds=_SEEDS)
        at = [int(np.searchsorted(played.rounds, _ROUNDS // share)) for share in (100, 10, 1)]
        first, middle, last = played.values["regret"].mean(axis=0)[at]
        measured.append(last - middle)
        bound.append(2 * (middle - first))
    return once(np.array(measured), np.array(bound))


def _waits(stack: Stack, algorithm) -> Evidence:
    """The regret that an on-policy learner cannot avoid on instance B against its mean, with four standard errors.

    Until a duel shows c both responses are b and teach nothing: the policy is mu, whose regret is gap(mu) a round, and
    (1 - mu(c))^2 is the probability that a duel does not show it.
    """
    from ...online import play_learner

    learner, measured, bound = algorithm(stack.tau, stack.step), [], []
    for instance in stack.instances:
        played = play_learner(instance.game, learner, rounds=_WAITED, seeds=_MANY)
        regret = played.values["regret"][:, -1]
        unseen = 2 * np.log1p(-np.exp(instance.log_reference.min()))
        expected = -np.expm1(_WAITED * unseen) / -np.expm1(unseen)
        measured.append(exploitability(instance.game, instance.log_reference)[0] * expected)
        bound.append(regret.mean() + 4 * regret.std(ddof=1) / np.sqrt(_MANY))
    return once(np.array(measured), np.array(bound))


def _claim(name: str, source: str, growth: str, algorithm, control: Control, still) -> Claim:
    return Claim(
        id=f"{name}-regret",
        statement=f"Reg_T = Σ_t τ KL(π_t ‖ BR_τ(π_t)) = {growth}",
        source=f"{source}; growth derived by measurement",
        kind="statistical",
        conditions=f"τ = 0.2, named cycles, {_SEEDS} seeds, {_ROUNDS} duels; regret of the mixture, not of the arms",
        quantity="Reg_T/T, mean over seeds",
        predicted="T^{−1/2} or faster",
        measure=_regret,
        algorithm=algorithm,
        control=control,
        domain=_CYCLES,
        games=6,
        still=still,
    )


def _iterative(name: str, source: str, learner_of) -> Claim:
    control = Control(_CONSTANT, learner_of(schedule="constant"), games=2)
    still = learner_of(schedule="decreasing", ridge=_RIGID)
    return _claim(name, source, _STEP, learner_of(schedule="decreasing"), control, still)


CLAIMS = (
    _iterative("inpo-online", "INPO, arXiv 2407.00617, on duels", _inpo),
    _iterative("nash-md-online", "Nash-MD, arXiv 2312.00886, on duels", _nash_md),
    _iterative("enpo", "ENPO, arXiv 2606.01382, Algorithm 2", _enpo("step-b")),
    _iterative("enpo-oracle", "ENPO, arXiv 2606.01382, exploration oracle", _enpo("vertex")),
    _claim(
        "minimax-adversary",
        "Ye et al., arXiv 2402.07314, the enhancer against a minimax oracle",
        "O(√T) at most (log T was measured)",
        _adversary(),
        Control("estimates held at a wrong guess", _adversary(_STUBBORN), games=2),
        _adversary(_COINS),
    ),
    Claim(
        id="regret-log",
        statement="with a minimax oracle and the enhancer Reg_T = O(log T): a decade of rounds adds no more than twice"
        " the one before it",
        source="Ye et al., arXiv 2402.07314; Wu et al., arXiv 2510.24700; growth derived by measurement",
        kind="statistical",
        conditions=f"τ = 0.2, named cycles, {_SEEDS} seeds, {_ROUNDS} duels; √T would add √10 times as much",
        quantity="mean Reg_T − Reg_{T/10}",
        predicted="2 (Reg_{T/10} − Reg_{T/100})",
        measure=_log_growth,
        algorithm=_adversary(),
        control=Control("steps 1/√t of online INPO: √T", _inpo(schedule="root"), games=2),
        domain=_CYCLES,
        games=6,
        still=_adversary(_COINS),
    ),
    Claim(
        id="exploration-waits",
        statement="on instance B every on-policy method has E Reg_T ≥ gap(μ) Σ_{t<T} (1 − μ(c))^{2t}: about"
        " gap(μ) e^{a/τ}/2 for large T, exponential in 1/τ",
        source="derived; ENPO, arXiv 2606.01382, has such a lower bound for iterative NLHF (abstract)",
        kind="statistical",
        conditions=f"online INPO on hard-b, a = 1/4, τ in [0.035, 0.05], {_MANY} seeds, {_WAITED} duels",
        quantity="gap(μ) Σ_{t<T} (1 − μ(c))^{2t}",
        predicted="mean regret + 4 standard errors",
        measure=_waits,
        algorithm=_inpo(),
        control=Control("the exploration oracle, which does not wait", _enpo("vertex")(), games=3),
        domain=Domain(actions=(2, 2), tau=(0.035, 0.05), step=(1.0, 1.0), games=("hard-b",), cells=3),
        games=3,
    ),
)
