"""check_learner: whether what plays duels keeps its budget, its seed, the simplex and a regret below linear."""

from __future__ import annotations

import functools
import random
import sys
from collections.abc import Callable, Mapping

import numpy as np

from ..errors import NashsimError, unknown_name
from ..game import PreferenceGame
from ..online.arena import TALLY
from .plays import (
    LearnerSubject,
    PlayingSubject,
    Trace,
    condorcet_game,
    cycle_game,
    make_player,
    weighted_game,
)
from .report import CheckError, CheckReport, Failure, collect

_SMALL = (1, 2, 7, 64)
_SEED = 1
#: False alarms: of a regret that is linear taken for one below, and of an exponent that is as stated.
_CONFIDENCE = 0.999
_SHARE_ALARM = 1e-6
#: What still counts as linear: the slope of a regret without noise is 1 to rounding.
_LINEAR = 0.999


class LearnerCheckError(CheckError):
    """A learner breaks a property."""


class _Plays:
    """The plays of one learner, each made when it is first asked for."""

    def __init__(self, subject: PlayingSubject | LearnerSubject, rounds: int, seeds: int, regret: str):
        self.subject, self.rounds, self.seeds, self.regret = subject, rounds, seeds, regret

    @functools.cache  # noqa: B019  lives as long as one check
    def play(self, game: PreferenceGame, budget: int, seed: int) -> Trace:
        return self.subject.play(game, budget, seed)

    def small(self, games) -> list[tuple[int, Trace]]:
        """Return budgets and traces of short plays."""
        least = self.subject.most_labels
        return [(least * b, self.play(game, least * b, _SEED)) for game in games for b in _SMALL]

    def curves(self, game: PreferenceGame) -> tuple[np.ndarray, np.ndarray]:
        """Return rounds and cumulative regret, shape (seeds, records), over those that every seed reached."""
        traces = [self.play(game, self.rounds, seed) for seed in range(self.seeds)]
        wrong = next((trace.error for trace in traces if trace.error), None)
        if wrong or any(self.regret not in trace.regret for trace in traces):
            raise NashsimError(wrong or f"{self.regret} is not defined on {game.name!r}")
        shared = functools.reduce(np.intersect1d, [trace.rounds for trace in traces])
        values = [t.regret[self.regret][np.isin(t.rounds, shared)] for t in traces]
        return shared, np.array(values)


def check_learner(
    learner,
    *,
    exponent: float | None = None,
    regret: str = "regret",
    rounds: int = 4000,
    seeds: int = 8,
    tau: float = 0.3,
    contexts: bool = False,
    raise_first: bool = True,
    known: Mapping[str, str] | None = None,
) -> CheckReport:
    """Check that a learner keeps to its budget, its seed and the simplex, and that its regret grows below linearly.

    Parameters
    ----------
    learner : callable, Learner, type or str
        What plays: ``learner(duels)`` or ``learner(duels, seed)`` with a :class:`~nashsim.online.Duels` whose budget
        it spends, ``while duels.left: ...``; ``duels.game`` has the true reference, tau and labels, but preferences
        that are all 1/2. Every duel of ``duels.round(policy, ...)`` is charged to that policy, every ``duels.duel`` to
        either arm with probability 1/2. A generator yields the policy that the duels since the last are charged to
        instead. What it returns, if anything, is its last policy. Or a Learner of the package, its class or its name.
    exponent : float or None
        p of a stated bound of order T^p on the regret, held on both games.
    regret : str
        What is charged: ``"regret"``, tau KL(pi || BR_tau(pi)), or another of ``nashsim.online.play.DEFINITIONS``.
    rounds, seeds : int
        Duels of a long play, and plays.
    tau : float
        Regularisation of the games.
    contexts : bool
        Flag: it plays games of several contexts, which must be met in the shares of their weights.
    raise_first : bool
        Flag: raise at the first property that breaks. ``False`` raises one error with all failures.
    known : mapping of str to str or None
        Properties that are known to break, with the reason; one that holds is a failure.

    Returns
    -------
    CheckReport

    Raises
    ------
    LearnerCheckError
        An AssertionError that names the property, with numbers and lines that show it again.
    NashsimError
        For what is no learner, an unknown regret, or fewer than 100 rounds or 3 seeds.

    Notes
    -----
    The exponent is the slope of log mean regret against log T over the last decade; its interval is the jackknife's
    over seeds with Student's t at 99.9 %, so that a linear regret passes for one below linear with probability 5e-4,
    and a regret of the stated exponent fails as often. A regret that still bends, in its first rounds, is steeper than
    its law: give it rounds.

    Examples
    --------
    >>> check_learner("inpo-online")
    inpo-online: 6 of 6 properties hold
    """
    if regret not in TALLY:
        raise unknown_name("regret", str(regret), TALLY)
    for name, value, least in (("rounds", rounds, 100), ("seeds", seeds, 3)):
        if value != int(value) or value < least:
            raise NashsimError(f"{name}: a whole number >= {least} is needed, found {value!r}")
    subject = make_player(learner)
    plays = _Plays(subject, int(rounds), int(seeds), regret)
    games = {"a Condorcet game": condorcet_game(tau), "a cycle": cycle_game(tau)}
    several = weighted_game(tau) if contexts else None
    playable = {name: game for name, game in games.items() if subject.takes(game)}
    tried = [*playable.values(), *([several] if several else [])]
    checks: dict[str, Callable[[], str | None] | None] = {
        "plays": functools.partial(_plays_to_its_end, plays, tried),
        "budget": functools.partial(_budget, plays, tried),
        "simplex": functools.partial(_simplex, plays, tried),
        "reproducibility": functools.partial(_reproducible, plays, tried[-1]),
        "contexts": functools.partial(_contexts, plays, several) if several and subject.watched else None,
    }
    for name, game in games.items():
        grows = functools.partial(_growth, plays, game)
        checks[f"sublinear regret on {name}"] = functools.partial(grows, None) if name in playable else None
        checks[f"claimed exponent on {name}"] = (
            functools.partial(grows, exponent) if name in playable and exponent is not None else None
        )
    attempts = [(name, of and functools.partial(_failure, plays, name, of)) for name, of in checks.items()]
    return collect(subject.name, attempts, known=known, raise_first=raise_first, error=LearnerCheckError)


def _failure(plays: _Plays, name: str, of: Callable[[], str | None]) -> Failure | None:
    try:
        said = of()
    except NashsimError as error:
        said = f"it could not be tried: {error}"
    if said is None:
        return None
    game = "cycle" if "cycle" in name else "condorcet"
    lines = (
        f"from nashsim.testing.plays import {game}_game, make_player\n"
        f"trace = make_player({plays.subject.name}).play({game}_game(tau=0.3), budget={plays.rounds}, seed={_SEED})\n"
        "trace.error, trace.rounds, trace.regret, trace.policies, trace.log"
    )
    return Failure(name, said, lines)


def _plays_to_its_end(plays: _Plays, games) -> str | None:
    """A short play ends without an error, but those that other properties tell of."""
    for budget, trace in plays.small(games):
        if trace.error and not _of_budget(trace.error) and not _of_simplex(trace.error):
            return f"with a budget of {budget} duels on {trace.game.name!r} it raised {trace.error}"
    return None


def _budget(plays: _Plays, games) -> str | None:
    """It buys no more duels than it may, and some."""
    for budget, trace in plays.small(games):
        if _of_budget(trace.error):
            return f"on {trace.game.name!r} it asks for more than its budget of {budget} duels: {trace.error}"
        fought = (
            len(trace.log.won) if trace.log is not None else int(trace.rounds[-1]) if len(trace.rounds) else 0
        )
        if not trace.error and not 1 <= fought <= budget:
            return f"on {trace.game.name!r}, with a budget of {budget} duels, it buys {fought}"
    return None


def _simplex(plays: _Plays, games) -> str | None:
    """Every policy that it plays, yields or returns is one."""
    for budget, trace in plays.small(games):
        if _of_simplex(trace.error):
            return f"with a budget of {budget} duels on {trace.game.name!r}: {trace.error}"
        off = np.abs(trace.policies.sum(axis=-1) - 1) if len(trace.policies) else np.zeros(1)
        if not (np.isfinite(trace.policies).all() and (trace.policies >= 0).all() and off.max() < 1e-9):
            return f"on {trace.game.name!r} it plays {trace.policies[off.max(axis=-1).argmax()].tolist()}"
    return None


def _reproducible(plays: _Plays, game: PreferenceGame) -> str | None:
    """The seed alone decides: not the state of global generators, nor what was played before."""
    budget = 64 * plays.subject.most_labels
    first, second, other = (
        _stirred(plays.subject, game, budget, seed, noise)
        for seed, noise in ((_SEED, 3), (_SEED, 4), (_SEED + 1, 3))
    )
    raised = next((trace.error for trace in (first, second, other) if trace.error), "")
    if raised and (not _same(first, second) or _same(first, other)):
        return f"it could not be tried: with a budget of {budget} duels on {game.name!r} it raised {raised}"
    if not _same(first, second):
        return (
            "played twice with one seed, it went two ways: it draws from a global generator, or remembers the play"
            " before; draw from numpy.random.default_rng(seed), of learner(duels, seed)"
        )
    if _same(first, other):
        return "two seeds go the same way: duels and draws must depend on the seed"
    return None


def _stirred(subject, game: PreferenceGame, budget: int, seed: int, noise: int) -> Trace:
    """One play under another state of the global generators, which are put back."""
    kept, numpy_kept = random.getstate(), np.random.get_state()  # noqa: NPY002  what learners may draw from
    torch = sys.modules.get("torch")
    torch_kept = torch.get_rng_state() if torch else None
    try:
        random.seed(noise)
        np.random.seed(noise)  # noqa: NPY002
        if torch:
            torch.manual_seed(noise)
        return subject.play(game, budget, seed)
    finally:
        random.setstate(kept)
        np.random.set_state(numpy_kept)  # noqa: NPY002
        if torch:
            torch.set_rng_state(torch_kept)


def _same(one: Trace, other: Trace) -> bool:
    if one.policies.shape != other.policies.shape or not np.array_equal(one.policies, other.policies):
        return False
    if one.log is None or other.log is None:
        return all(np.array_equal(one.regret[k], other.regret[k], equal_nan=True) for k in one.regret)
    return all(map(np.array_equal, one.log, other.log))


def _contexts(plays: _Plays, game: PreferenceGame) -> str | None:
    """Contexts are met in the shares of their weights, within the noise of as many draws."""
    from scipy.stats import binom

    log = plays.play(game, plays.rounds, _SEED).log
    assert log is not None
    found, due = int((log.contexts == 0).sum()), float(game.weights[0])
    low, high = binom.interval(1 - _SHARE_ALARM, len(log.contexts), due)
    if low <= found <= high:
        return None
    return (
        f"of {len(log.contexts)} duels {found} are in the first context, whose weight is {due:g}: draw contexts by"
        " duels.draw_contexts, or fight duels.round"
    )


def _growth(plays: _Plays, game: PreferenceGame, exponent: float | None) -> str | None:
    """The exponent of the regret is below 1, or not above what is stated, beyond the noise of the seeds."""
    from ..theory.growth import power_of_rounds

    rounds, values = plays.curves(game)
    found = power_of_rounds(rounds, values, decades=1.0, confidence=_CONFIDENCE)
    said = (
        f"over T = {max(rounds[0], rounds[-1] // 10)} to {rounds[-1]} the {plays.regret} of {len(values)} seeds grows"
        f" as T^{found.value:.3f}, between {found.low:.3f} and {found.high:.3f} at {100 * _CONFIDENCE:g} %"
    )
    if exponent is None:
        return None if found.high < _LINEAR or values.max() <= 0 else f"{said}: not below linear"
    return None if found.low <= exponent or values.max() <= 0 else f"{said}: beyond the stated {exponent:g}"


def _of_budget(error: str) -> bool:
    return "budget:" in error


def _of_simplex(error: str) -> bool:
    return error.startswith("NashsimError: policy") or error.startswith("NashsimError: opponent")
