"""Learners playing games, and the regret they are charged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from ..engine.checkpoint import INTERVAL, Checkpoint, fingerprint, identity
from ..engine.work import in_threads
from ..equilibrium.certificate import link_divergence
from ..errors import NashsimError
from ..game import PreferenceGame
from ..logspace import kl, log_normalise
from .arena import PRESENT, TALLY, Arena, make_arena, open_book
from .learners import Learner, get_learner
from .links import link_arguments

#: Regularised regret of the average iterate's policy: exploitability of the mean of the policies played.
AVERAGE_GAP = "average_gap"
#: What each recorded quantity is.
DEFINITIONS = {
    "regret": "sum over rounds of tau KL(pi_t || BR_tau(pi_t)) of the policy played, averaged over contexts",
    "unregularised_regret": "sum over rounds of max_y P(y ≻ pi_t) - 1/2, averaged over contexts, of the policy played",
    "condorcet_regret": "sum over rounds of the mean over both duelled arms of P(winner ≻ y) - 1/2",
    "copeland_regret": "sum over rounds of the mean over both duelled arms of the normalised Copeland score they lack",
    "borda_regret": "sum over rounds of the mean over both duelled arms of the Borda score they lack",
    AVERAGE_GAP: "tau KL(pi || BR_tau(pi)) of the mean pi of the policies played so far, averaged over contexts",
}
#: The regret of games with another regulariser than KL.
REGRET_OF_OTHERS = "sum over rounds of max_q J(q, pi_t) - 1/2 with the game's own R, averaged over contexts"
#: Most duels that a seed may buy: counted exactly, and years away.
MOST_ROUNDS = 10**15
#: Iterations that a kernel does before control comes back, for progress and checkpoints.
STRETCH = 1 << 16
#: Iterations that take longer than the start of a thread.
WORTH_A_THREAD = 64


@dataclass(frozen=True, eq=False)
class Play:
    """One learner on one game, over several seeds.

    Attributes
    ----------
    game : PreferenceGame
    learner : Learner
    seeds : tuple of int
    rounds : ndarray of int, shape (records,)
        Duels bought at each record.
    values : dict of str to ndarray, shape (seeds, records)
        Recorded quantities, by the names of ``DEFINITIONS``.
    log_policy : ndarray, shape (seeds, contexts, actions)
        The last policy.
    """

    game: PreferenceGame
    learner: Learner
    seeds: tuple[int, ...]
    rounds: np.ndarray
    values: dict[str, np.ndarray]
    log_policy: np.ndarray

    def frame(self):
        """Return the records as a tidy DataFrame: game, learner, tau, seed, rounds, metric, value."""
        import pandas as pd

        records = len(self.rounds)
        return pd.DataFrame(
            {
                "game": self.game.name,
                "learner": self.learner.name,
                "tau": self.game.tau,
                "seed": np.tile(np.repeat(self.seeds, records), len(self.values)),
                "rounds": np.tile(self.rounds, len(self.seeds) * len(self.values)),
                "metric": np.repeat(list(self.values), len(self.seeds) * records),
                "value": np.concatenate([array.ravel() for array in self.values.values()]),
            }
        )


def play_learner(
    game: PreferenceGame,
    learner: str | Learner,
    *,
    rounds: int = 10_000,
    seeds: int | Sequence[int] = 20,
    noise: float = 0.0,
    people: PreferenceGame | None = None,
    jobs: int = 1,
    checkpoint: str | Path | None = None,
    interval: float = INTERVAL,
    progress: Callable[[int, int], None] | None = None,
) -> Play:
    """Let a learner play a game from duels and record the regret it is charged.

    Parameters
    ----------
    game : PreferenceGame
        Game with tau set.
    learner : str or Learner
    rounds : int
        Duels to buy for each seed.
    seeds : int or sequence of int
        Number of seeds, 0 to seeds - 1, or the seeds themselves.
    noise : float
        Probability in [0, 1/2) that an observed label is flipped.
    people : PreferenceGame or None
        Game whose people answer the duels, of the same shape, where regret is charged in another than theirs, such as
        :func:`~nashsim.online.mean_utility_game` of a crowd; ``None`` is the game itself.
    jobs : int
        Threads over seeds; the result is the same for any number.
    checkpoint : str, Path or None
        File that keeps the state; a play that was killed and is started again goes on from it, to the same bits.
    interval : float
        Seconds between two writes of the checkpoint.
    progress : callable or None
        Called as ``progress(done, total)`` in rounds.

    Returns
    -------
    Play

    Raises
    ------
    NashsimError
        For an unknown learner, rounds or seeds below one, a game of one action or without tau, one that the
        learner cannot play, or people of another shape.

    Examples
    --------
    >>> from nashsim import PreferenceGame
    >>> game = PreferenceGame([[0.5, 0.9], [0.1, 0.5]], tau=0.5)
    >>> play = play_learner(game, "inpo-online", rounds=1000, seeds=2)
    >>> play.values["regret"].shape == (2, len(play.rounds))
    True
    """
    learner = get_learner(learner)
    seeds = _seeds(seeds)
    # Written so that NaN fails too.
    if not (learner.labels <= rounds <= MOST_ROUNDS and rounds == int(rounds)):
        raise NashsimError(
            f"rounds: a whole number of duels from {learner.labels} to {MOST_ROUNDS:.0e} is needed by"
            f" {learner.name!r}, found {rounds!r}"
        )
    if jobs < 1:
        raise NashsimError(f"jobs: at least one thread is needed, found {jobs}")
    learner.check(game)
    arena, book = make_arena(game, noise), open_book(game, seeds)
    if people is not None:
        if people.log_reference.shape != game.log_reference.shape:
            shape = people.log_reference.shape
            raise NashsimError(f"people: contexts and actions {arena.log_mu.shape} are needed, found {shape}")
        arena = arena._replace(duel=0.5 + (1 - 2 * noise) * people.preference.dense())
    state = learner.state(arena, len(seeds))
    grid = iteration_grid(int(rounds) // learner.labels)
    kept = {
        "tally": np.zeros((len(grid), len(seeds), len(TALLY))),
        AVERAGE_GAP: np.zeros((len(grid), len(seeds))),
    }
    arrays = {
        **book._asdict(),
        **state,
        **{f"kept_{k}": v for k, v in kept.items()},
        "at": np.zeros(1, np.int64),
    }
    store = None
    if checkpoint is not None:
        parts = (repr(learner), game.tau, noise, seeds, int(rounds), *identity(game.preference))
        parts += () if game.kl_regularised else (game.regulariser.word,)
        parts += () if people is None else identity(people.preference)
        store = Checkpoint(Path(checkpoint), fingerprint(*parts, game.log_reference, game.weights), interval)
        for name, saved in (store.load() or {}).items():
            arrays[name][...] = saved
    if learner.timed:
        answering = learner.people(game if people is None else people)
        advance = partial(learner.advance_timed, (*answering, float(noise)), arena, book)
    elif game.kl_regularised:
        advance = partial(learner.advance, arena, book)
    else:
        advance = partial(learner.advance_links, link_arguments(game, arena, book))

    def work(t0: int, t1: int) -> None:
        threads = jobs if t1 - t0 >= WORTH_A_THREAD else 1
        in_threads(partial(advance, state, t0, t1), len(seeds), threads)

    for record, target in enumerate(grid.tolist()):
        while arrays["at"][0] < target:
            t0 = int(arrays["at"][0])
            t1 = min(target, (t0 // STRETCH + 1) * STRETCH)
            work(t0, t1)
            arrays["at"][0] = t1
            if t1 == target:
                kept["tally"][record] = book.tally
                kept[AVERAGE_GAP][record] = regularised_gaps(game, arena, book.total / (t1 * learner.labels))
            if store:
                store.save(lambda: arrays, force=t1 == grid[-1])
            if progress:
                progress(t1 * learner.labels, int(grid[-1]) * learner.labels)
    values = {name: kept["tally"][:, :, k].T.copy() for k, name in enumerate(TALLY)}
    values[AVERAGE_GAP] = kept[AVERAGE_GAP].T.copy()
    defined = {name: array for name, array in values.items() if not np.isnan(array).all()}
    log_policy = np.where(book.log_policy < PRESENT, -np.inf, book.log_policy)
    return Play(game, learner, seeds, grid * learner.labels, defined, log_policy)


def iteration_grid(iterations: int) -> np.ndarray:
    """Return the recorded iterations, about 40 a decade from 1 on, so that memory does not grow with their number."""
    decades = max(1, int(np.ceil(np.log10(max(iterations, 10)))))
    return np.unique(np.round(np.geomspace(1, iterations, 40 * decades)).astype(np.int64))


def regularised_gaps(game: PreferenceGame, arena: Arena, average: np.ndarray) -> np.ndarray:
    """Return tau KL(pi || BR_tau(pi)), or what is paid for another regulariser, of many policies, shape (seeds,).

    Parameters
    ----------
    game : PreferenceGame
    arena : Arena
    average : ndarray, shape (seeds, contexts, actions)
        Policies, not necessarily normalised.
    """
    average = average / average.sum(axis=-1, keepdims=True)
    with np.errstate(divide="ignore"):
        log_average = np.log(average)
    if not game.kl_regularised:
        payoff = np.einsum("cij,scj->sci", arena.skew, average)
        divergence = link_divergence(game, log_average, payoff, game.log_response(payoff))
        return arena.tau * (divergence @ arena.weights)
    response = arena.log_mu + np.einsum("cij,scj->sci", arena.skew, average) / arena.tau
    return arena.tau * (kl(log_average, log_normalise(response)) @ arena.weights)


def _seeds(seeds: int | Sequence[int]) -> tuple[int, ...]:
    if isinstance(seeds, int | np.integer):
        if seeds < 1:
            raise NashsimError(f"seeds: at least one is needed, found {seeds}")
        return tuple(range(int(seeds)))
    if len(seeds) == 0:
        raise NashsimError("seeds: at least one is needed, found none")
    return tuple(int(seed) for seed in seeds)
