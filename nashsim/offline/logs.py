"""Fixed logs of duels: read beside a reference, counted, taken from real votes, and whom sampled ones pair."""

from __future__ import annotations

import numpy as np

from ..data import PreferenceData
from ..equilibrium import solve_newton
from ..errors import NashsimError, unknown_name
from ..game import PreferenceGame
from ..logspace import log_normalise
from ..online.duels import DuelLog, Environment, align_duels, read_numbered

#: Distributions of pairs y ~ first, z ~ second that logs are sampled from. The equilibrium against anybody covers what
#: a plug-in needs in a game (unilateral coverage); against itself it covers the equilibrium alone.
PAIRS = {
    "uniform": ("uniform", "uniform"),
    "reference": ("reference", "reference"),
    "unilateral": ("equilibrium", "uniform"),
    "single-policy": ("equilibrium", "equilibrium"),
}


def read_log(log: DuelLog | Environment, reference) -> tuple[DuelLog, np.ndarray]:
    """Return the duels of a log, checked, and the log-probabilities of the reference, shape (contexts, actions).

    Parameters
    ----------
    log : DuelLog or Environment
        Log, or an environment such as ``Duels`` or ``RecordedVotes``, which gives the duels fought so far.
    reference : array_like, Series, DataFrame or result
        The reference policy as probabilities or their logarithms; labelled ones are aligned with the labels of the
        environment, or with the numbers of the arms of a log.

    Raises
    ------
    NashsimError
        For no duels, arrays of other lengths or kinds, or duels or labels outside the reference's.
    """
    read = log.read_policy if isinstance(log, Environment) else read_numbered
    log_reference = read(reference, "reference")
    log = log.log if isinstance(log, Environment) else log
    if len(log.won) == 0:
        raise NashsimError("log: at least one duel is needed, found none")
    if len({np.shape(part) for part in log[:4]}) > 1:
        raise NashsimError(
            "log: contexts, first, second and won of one length are needed, found"
            f" {', '.join(str(np.shape(part)) for part in log[:4])}"
        )
    if not np.isin(log.won, (0, 1)).all():
        raise NashsimError(f"log: won is True or False, found {np.unique(log.won)[:4].tolist()}")
    shape = (*log_reference.shape, log_reference.shape[1])
    contexts, first, second = align_duels(log.contexts, log.first, log.second, shape)
    return DuelLog(contexts, first, second, np.asarray(log.won, bool)), log_reference


def wins_of(log: DuelLog, shape: tuple[int, int]) -> np.ndarray:
    """Return how often each arm won against each other, shape (contexts, actions, actions).

    Parameters
    ----------
    log : DuelLog
        Duels; those of an arm against itself say nothing and are left out.
    shape : tuple of int
        Contexts and actions.
    """
    wins = np.zeros((*shape, shape[1]))
    apart = log.first != log.second
    winner, loser = np.where(log.won, log.first, log.second), np.where(log.won, log.second, log.first)
    np.add.at(wins, (log.contexts[apart], winner[apart], loser[apart]), 1.0)
    return wins


def votes_log(data: PreferenceData, seed: int = 0, duels: int | None = None) -> DuelLog:
    """Return real votes as a log of duels in random order, each vote at most once; a tie is a fair coin.

    Parameters
    ----------
    data : PreferenceData
        Data with counts, as ``nashsim.data.load`` reads them from battles, pairs or ballots.
    seed : int
        Seed of the order and of the coins of ties.
    duels : int or None
        Number of votes to take; ``None`` is all.

    Raises
    ------
    NashsimError
        For data without counts, counts that are no whole numbers, or fewer votes than are asked for.

    Examples
    --------
    >>> data = PreferenceData.from_comparisons(["x", "y"], [[0, 3], [1, 0]], name="votes")
    >>> log = votes_log(data)
    >>> len(log.won), int(log.won.sum())
    (4, 3)
    """
    if data.wins is None or data.ties is None:
        raise NashsimError(f"{data.name}: recorded votes are needed, found probabilities without counts")
    if not (
        np.equal(data.wins, np.round(data.wins)).all() and np.equal(data.ties, np.round(data.ties)).all()
    ):
        raise NashsimError(f"{data.name}: whole numbers of votes are needed, found weights")
    rng = np.random.default_rng(seed)
    first, second = np.triu_indices(len(data.wins), 1)
    kinds = np.stack([data.wins[first, second], data.wins[second, first], data.ties[first, second]], axis=1)
    votes = np.repeat(np.arange(kinds.size), kinds.astype(np.int64).ravel())
    if duels is not None and not (duels == int(duels) and 1 <= duels <= len(votes)):
        raise NashsimError(
            f"duels: a whole number from 1 to the {len(votes)} votes of {data.name} is needed, found {duels!r}"
        )
    votes = rng.permutation(votes)[: None if duels is None else int(duels)]
    pair, kind = np.divmod(votes, 3)
    won = np.where(kind == 2, rng.random(len(votes)) < 0.5, kind == 0)
    return DuelLog(np.zeros(len(votes), np.int64), first[pair], second[pair], won)


def pair_policies(game: PreferenceGame, pairs: str) -> tuple[np.ndarray, np.ndarray]:
    """Return whom a sampled log pairs: log-probabilities of the first and of the second, (contexts, actions) each.

    Parameters
    ----------
    game : PreferenceGame
        Game, with tau where the pairs are the equilibrium's.
    pairs : str
        Key of ``PAIRS``: ``"uniform"``, ``"reference"``, ``"unilateral"`` or ``"single-policy"``; ``"unilateral:0.1"``
        lies between the last two, a tenth of the second arms being anybody and the rest the equilibrium's.

    Raises
    ------
    NashsimError
        For another word, or a share outside [0, 1].
    """
    pairs, colon, number = str(pairs).partition(":")
    if pairs not in PAIRS or (colon and pairs != "unilateral"):
        raise unknown_name("distribution of pairs", pairs + colon + number, PAIRS)
    share = _share(number) if colon else 1.0
    made = {"reference": game.log_reference}
    if "uniform" in PAIRS[pairs]:
        made["uniform"] = log_normalise(np.where(game.support, 0.0, -np.inf))
    if "equilibrium" in PAIRS[pairs]:
        made["equilibrium"] = solve_newton(game).log_policy
    first, second = (made[name] for name in PAIRS[pairs])
    if share < 1:
        with np.errstate(divide="ignore"):
            second = np.log((1 - share) * np.exp(first) + share * np.exp(second))
    return first, second


def _share(number: str) -> float:
    try:
        share = float(number)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise NashsimError(
            f"pairs: unilateral needs a share in [0, 1], such as unilateral:0.1, found {number!r}"
        )
    return share


def pair_shares(game: PreferenceGame, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return nu, the probability that a duel is one of two arms, in either order, (contexts, actions, actions).

    Parameters
    ----------
    game : PreferenceGame
        Game whose weights the contexts are drawn with.
    first, second : ndarray, shape (contexts, actions)
        Log-probabilities of the first and of the second arm.
    """
    p, q = np.exp(first), np.exp(second)
    ordered = p[:, :, None] * q[:, None] * game.weights[:, None, None]
    shares = ordered + np.swapaxes(ordered, 1, 2)
    shares[:, np.arange(game.actions), np.arange(game.actions)] /= 2
    return shares
