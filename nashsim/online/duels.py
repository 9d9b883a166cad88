"""Duels for learners of one's own: a seeded environment over a game, a log of what it answered, and its replay."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..engine.feedback import streams
from ..errors import NashsimError
from ..files import atomic_path, read_arrays
from ..game import PreferenceGame
from ..policies import is_result, read_log_policy
from .arena import make_arena
from .labels import label_factor
from .response_times import TimedChoices, TimedLog, check_boundary, drifts


class DuelLog(NamedTuple):
    """Duels in the order in which they were fought.

    Attributes
    ----------
    contexts, first, second : ndarray of int, shape (duels,)
    won : ndarray of bool, shape (duels,)
        Outcomes, true where the first won, as observed.
    """

    contexts: np.ndarray
    first: np.ndarray
    second: np.ndarray
    won: np.ndarray

    def save(self, path: str | Path) -> None:
        """Write the log as ``.npz`` to a path, atomically."""
        path = Path(path)
        with atomic_path(path if path.suffix == ".npz" else path.with_name(path.name + ".npz")) as temporary:
            np.savez_compressed(temporary, **self._asdict())

    @classmethod
    def load(cls, path: str | Path) -> DuelLog:
        """Read a log that was saved; nothing in the file is executed.

        Parameters
        ----------
        path : str or Path

        Raises
        ------
        NashsimError
            If the file is no log of duels.
        """
        saved = read_arrays("log", path, "it is no log of duels, which DuelLog.save writes")
        if missing := [name for name in cls._fields if name not in saved]:
            raise NashsimError(f"log: {str(path)!r} holds no log of duels (without {', '.join(missing)})")
        log = cls(*(saved[name] for name in cls._fields))
        kinds = [array.dtype.kind for array in log]
        if kinds != ["i", "i", "i", "b"] or any(array.shape != (len(log.won),) for array in log):
            raise NashsimError(f"log: {str(path)!r} holds no log of duels (arrays of another kind or length)")
        return log


class Environment:
    """What every source of duels offers: contexts to draw, duels to ask for, a budget, a log."""

    def __init__(self, budget: int | None):
        if budget is not None and (budget != int(budget) or budget < 1):
            raise NashsimError(f"budget: a whole number of duels >= 1 is needed, found {budget!r}")
        self._budget = budget
        self._parts: list[DuelLog] = []
        self._fought = 0

    def read_policy(self, policy, name: str = "policy") -> np.ndarray:
        """Return the log-probabilities of a policy, shape (contexts, actions), aligned by label or number."""
        return read_numbered(policy, name)

    @property
    def fought(self) -> int:
        """Duels so far."""
        return self._fought

    @property
    def left(self) -> float:
        """Duels that the budget still allows; infinite without one."""
        return float("inf") if self._budget is None else self._budget - self._fought

    @property
    def log(self) -> DuelLog:
        """All duels so far."""
        empty = (np.zeros(0, np.int64),) * 3 + (np.zeros(0, bool),)
        return DuelLog._make(np.concatenate(parts) for parts in zip(empty, *self._parts, strict=True))

    def _afford(self, size: int) -> None:
        if size != int(size) or size < 1:
            raise NashsimError(f"size: a whole number of duels >= 1 is needed, found {size!r}")
        if size > self.left:
            raise NashsimError(f"budget: {self.left} duels are left of {self._budget}, asked for {size}")

    def _keep(self, batch: DuelLog) -> DuelLog:
        self._parts.append(batch)
        self._fought += len(batch.won)
        return batch


class Duels(Environment):
    """Duels over a game: contexts from its weights, arms from policies, outcomes Bernoulli(P(y ≻ z)).

    The random numbers are those of the compiled learners: the same seed meets the same duels. What a policy played
    would be charged is ``exploitability(game, policy)``.

    Parameters
    ----------
    game : PreferenceGame
        Game of at least two actions; its tau is of no importance here.
    seed : int
    noise : float
        Probability in [0, 1/2) that an observed label is flipped.
    budget : int or None
        Duels that may be bought.
    times : bool
        Flag: duels come with response times, exact first passages of the drift-diffusion model
        (:func:`~nashsim.online.response_times.drifts`); each is answered by one person, of an ``AnnotatorPreference``
        by an annotator drawn by the shares. ``duel`` then returns choices and times, ``round`` a log with ``times``.
    boundary : float
        a > 0, the evidence at which a choice is made.
    non_decision : float
        Part of every time, >= 0, that is no diffusion.
    attention : float
        Share in (0, 1] of labels that are no coin flips; see :func:`~nashsim.online.labels.observed`.
    position_bias : float
        Probability in [0, 1) that the first response is chosen unread.
    fatigue : float
        Rate >= 0 at which attention falls, exp(-fatigue k) in the k-th duel since a rest.
    session : int or None
        Duels after which the person rests; ``None`` is never.

    Raises
    ------
    NashsimError
        For a game of one action, noise, a budget, boundary or time outside its range, or times of sure preferences.

    Examples
    --------
    >>> from nashsim import games
    >>> duels = Duels(games.get("rps").replace(tau=0.1), seed=1, budget=100)
    >>> batch = duels.round(duels.game.log_reference, size=30)
    >>> batch.first.shape, duels.left
    ((30,), 70)
    """

    def __init__(
        self,
        game: PreferenceGame,
        seed: int = 0,
        noise: float = 0.0,
        budget: int | None = None,
        *,
        times: bool = False,
        boundary: float = 1.0,
        non_decision: float = 0.0,
        attention: float = 1.0,
        position_bias: float = 0.0,
        fatigue: float = 0.0,
        session: int | None = None,
    ):
        super().__init__(budget)
        if not (np.isfinite(non_decision) and non_decision >= 0):
            raise NashsimError(f"non_decision: a finite time >= 0 is needed, found {non_decision!r}")
        self.game, self.times, self._noise, self._non_decision = game, bool(times), noise, float(non_decision)
        self.boundary = check_boundary(boundary)
        if times:
            self._drifts, self._shares = drifts(game, boundary)
            self._spent: list[np.ndarray] = []
        arena = make_arena(game if game.tau is not None else game.replace(tau=1.0), noise)
        self._duel, self._weights = arena.duel, arena.weights
        if times and (attention != 1 or position_bias):
            raise NashsimError(
                "attention, position_bias: unread answers have no decision times; use times=False"
            )
        if not 0 <= position_bias < 1:
            raise NashsimError(f"position_bias: a probability in [0, 1) is needed, found {position_bias!r}")
        if label_factor(attention) < 1 or position_bias:
            fair = 0.5 + attention * (self._duel - 0.5)
            self._duel = (1 - position_bias) * fair + position_bias
        if not (np.isfinite(fatigue) and fatigue >= 0) or (times and fatigue):
            raise NashsimError(f"fatigue: a finite rate >= 0, and 0 with times, is needed, found {fatigue!r}")
        if session is not None and (session != int(session) or session < 1):
            raise NashsimError(f"session: a whole number of duels >= 1 is needed, found {session!r}")
        self._fatigue, self._session, self._unread = float(fatigue), session, float(position_bias)
        self._stream = streams([seed], [0])[0]

    def read_policy(self, policy, name: str = "policy") -> np.ndarray:
        """Return the log-probabilities of a policy of the game, shape (contexts, actions), aligned by label."""
        return self.game.as_log_policy(policy, name)

    def draw_contexts(self, size: int = 1) -> np.ndarray:
        """Draw the contexts of ``size`` duels, to choose arms for; shape (size,)."""
        from .duels_kernel import draw_contexts

        contexts = np.empty(size, np.int64)
        draw_contexts(self._weights, self._stream, contexts)
        return contexts

    def duel(self, first, second, contexts=0):
        """Let chosen arms duel; return whether the first won, bool of shape (duels,), with times a ``TimedChoices``.

        Parameters
        ----------
        first, second, contexts : int or array_like of int, shape (duels,)

        Raises
        ------
        NashsimError
            For an arm or a context that is not there, or beyond the budget.
        """
        from .duels_kernel import draw_outcomes

        contexts, first, second = align_duels(contexts, first, second, self._duel.shape)
        self._afford(len(first))
        won = np.empty(len(first), bool)
        if self.times:
            return TimedChoices(*self._timed(DuelLog(contexts, first, second, won))[-2:])
        if self._fatigue:
            return self._tired(DuelLog(contexts, first, second, won)).won
        draw_outcomes(self._duel, self._stream, contexts, first, second, won)
        return self._keep(DuelLog(contexts, first, second, won)).won

    def chance(self, first, second, contexts=0, since=0) -> np.ndarray:
        """Return the probability that the first is chosen, flips, attention, side and fatigue included.

        Parameters
        ----------
        first, second, contexts : int or array_like of int, shape (duels,)
        since : int or array_like of int, shape (duels,)
            Duels that the person has answered since a rest.

        Examples
        --------
        >>> tired = Duels(PreferenceGame([[0.5, 0.9], [0.1, 0.5]]), fatigue=0.1)
        >>> tired.chance([0, 0], [1, 1], since=[0, 10]).round(4).tolist()
        [0.9, 0.6472]
        """
        coins = self._unread + (1 - self._unread) / 2
        return coins + np.exp(-self._fatigue * np.asarray(since)) * (
            self._duel[contexts, first, second] - coins
        )

    def _tired(self, batch: DuelLog) -> DuelLog:
        """Draw outcomes of which the read ones fade to coins, duel by duel since the last rest."""
        from ..engine.kernels.random_stream import uniforms

        place = self.fought + np.arange(len(batch.won))
        since = place if self._session is None else place % self._session
        chance = self.chance(batch.first, batch.second, batch.contexts, since)
        drawn = np.empty(len(batch.won))
        uniforms(self._stream, drawn, len(drawn))
        batch.won[:] = drawn < chance
        return self._keep(batch)

    def _timed(self, batch: DuelLog) -> TimedLog:
        from .times_kernel import draw_timed

        spent = np.empty(len(batch.won))
        draw_timed(self._drifts, self._shares, self.boundary, self._noise, self._stream, *batch, spent)
        self._keep(batch)
        self._spent.append(spent + self._non_decision)
        return TimedLog(*batch, self._spent[-1])

    @property
    def timed_log(self) -> TimedLog:
        """All duels so far with their times."""
        if not self.times:
            raise NashsimError("times: these duels have none; ask for them by Duels(..., times=True)")
        return TimedLog(*self.log, np.concatenate([np.zeros(0), *self._spent]))

    def round(self, policy, opponent=None, size: int = 1):
        """Fight ``size`` duels of y ~ policy and z ~ opponent, each in a context of its own.

        Parameters
        ----------
        policy : array_like, Series, DataFrame or result
            Policy of the first arms, see :meth:`~nashsim.PreferenceGame.as_log_policy`.
        opponent : array_like, Series, DataFrame, result or None
            Policy of the second arms; ``None`` is the same policy.
        size : int
            Number of duels.

        Returns
        -------
        DuelLog or TimedLog

        Raises
        ------
        NashsimError
            For what is no policy of the game, or beyond the budget.
        """
        from .duels_kernel import draw_duels

        mine = np.exp(self.read_policy(policy))
        theirs = mine if opponent is None else np.exp(self.read_policy(opponent, "opponent"))
        self._afford(size)
        contexts, first, second = np.empty((3, size), np.int64)
        batch = DuelLog(contexts, first, second, np.empty(size, bool))
        if self.times:
            from .times_kernel import draw_arms

            draw_arms(self._weights, mine, theirs, self._stream, *batch[:3])
            return self._timed(batch)
        if self._fatigue:
            from .times_kernel import draw_arms

            draw_arms(self._weights, mine, theirs, self._stream, *batch[:3])
            return self._tired(batch)
        draw_duels(self._weights, mine, theirs, self._duel, self._stream, *batch)
        return self._keep(batch)


class Replay(Environment):
    """A log in the place of a game: the recorded duels again, in their order.

    A learner that is a function of what it sees goes the recorded way to the last bit; one that asks for another
    duel than the recorded one is told so.

    Parameters
    ----------
    log : DuelLog

    Examples
    --------
    >>> from nashsim import games
    >>> duels = Duels(games.get("rps").replace(tau=0.1), seed=1)
    >>> won = duels.duel([0, 1], [1, 2])
    >>> bool((Replay(duels.log).duel([0, 1], [1, 2]) == won).all())
    True
    """

    def __init__(self, log: DuelLog):
        super().__init__(None)
        self._budget = len(log.won)
        self._log = log

    def draw_contexts(self, size: int = 1) -> np.ndarray:
        """Return the contexts of the next ``size`` duels, shape (size,)."""
        self._afford(size)
        return self._log.contexts[self._fought : self._fought + size].copy()

    def duel(self, first, second, contexts=0) -> np.ndarray:
        """Return the recorded outcomes of the next duels, which must be the ones asked for.

        Parameters
        ----------
        first, second, contexts : int or array_like of int, shape (duels,)

        Raises
        ------
        NashsimError
            Where another duel was recorded, or none is left.
        """
        asked = align_duels(contexts, first, second, None)
        recorded = self._next(len(asked[0]))
        same = np.logical_and.reduce([a == b for a, b in zip(asked, recorded[:3], strict=True)])
        if not same.all():
            k = int(np.argmin(same))
            told = tuple(int(array[k]) for array in recorded[:3])
            found = tuple(int(array[k]) for array in asked)
            raise NashsimError(
                f"log: duel {self._fought + k} was recorded as (context, first, second) = {told}, asked for {found}"
            )
        return self._keep(recorded).won

    def round(self, policy=None, opponent=None, size: int = 1) -> DuelLog:
        """Return the next ``size`` recorded duels, whatever the policies."""
        return self._keep(self._next(size))

    def _next(self, size: int) -> DuelLog:
        self._afford(size)
        return DuelLog(*(array[self._fought : self._fought + size] for array in self._log))


def read_numbered(policy, name: str = "policy") -> np.ndarray:
    """Return the log-probabilities of a policy of arms that only have numbers; see ``read_log_policy``."""
    shape = np.shape(policy.log_policy if is_result(policy) else policy)
    return read_log_policy(policy, [str(arm) for arm in range(shape[-1])], (1, *shape)[-2], name)


def align_duels(contexts, first, second, shape) -> list[np.ndarray]:
    """Return contexts, first and second as arrays of one length, within ``shape`` unless that is None."""
    arrays = [np.atleast_1d(np.asarray(array)) for array in (contexts, first, second)]
    if any(array.dtype.kind not in "iu" for array in arrays):
        raise NashsimError("first, second, contexts: whole numbers are needed, found others")
    try:
        arrays = [array.astype(np.int64) for array in np.broadcast_arrays(*arrays)]
    except ValueError:
        lengths = [array.shape for array in arrays]
        raise NashsimError(f"first, second, contexts: one length is needed, found {lengths}") from None
    if arrays[0].ndim != 1:
        raise NashsimError(f"first, second, contexts: shape (duels,) is needed, found {arrays[0].shape}")
    if shape is not None:
        for name, array, limit in zip(("contexts", "first", "second"), arrays, shape, strict=True):
            if array.size and not (array.min() >= 0 and array.max() < limit):
                raise NashsimError(
                    f"{name}: numbers from 0 to {limit - 1} are needed, found {array.min()} to {array.max()}"
                )
    return arrays
