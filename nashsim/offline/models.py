"""Classes of preferences that a fixed log is fitted by: every pair on its own, Bradley-Terry, low rank."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..errors import NashsimError, unknown_name

#: Steps of the alternation that fits a low rank, and the largest change of a margin at which it ends.
_STEPS, _SETTLED = 5000, 1e-10


def tabular(wins: np.ndarray) -> np.ndarray:
    """Return the least-squares fit of every pair on its own: wins/duels, and 1/2 where there was none.

    Parameters
    ----------
    wins : ndarray, shape (actions, actions)
        Wins of the row against the column.

    Examples
    --------
    >>> tabular(np.array([[0.0, 3.0, 0.0], [1.0, 0.0, 2.0], [0.0, 2.0, 0.0]]))[0].tolist()
    [0.5, 0.75, 0.5]
    """
    duels = wins + wins.T
    return 0.5 + np.divide(wins - wins.T, 2 * duels, out=np.zeros_like(wins), where=duels > 0)


def bradley_terry(wins: np.ndarray, ridge: float = 1e-6) -> np.ndarray:
    """Return sigmoid(r_y - r_z) with r = argmax sum wins log sigmoid(r_y - r_z) - ridge |r|^2/2.

    Parameters
    ----------
    wins : ndarray, shape (actions, actions)
        Wins of the row against the column.
    ridge : float
        Weight of the penalty, > 0, beside counts that are scaled to sum to one; it keeps rewards finite.
    """
    from ..online.logistic_kernel import fit_rewards

    n, rewards = len(wins), np.zeros(len(wins))
    scratch = np.zeros((n, n)), np.zeros((n + 4, n))
    fit_rewards(np.ascontiguousarray(wins / wins.sum()), rewards, ridge, np.zeros(n), 1e-12, *scratch)
    return 0.5 + 0.5 * np.tanh((rewards[:, None] - rewards) / 2)


def low_rank(wins: np.ndarray, rank: int = 2) -> np.ndarray:
    """Return the skew P - 1/2 of a rank nearest to the log: argmin sum duels (P - wins/duels)^2, clipped to [0, 1].

    Missing and thin pairs are filled from the fit and the whole is cut to the rank, until nothing moves: each step
    lowers the weighted sum of squares (Srebro and Jaakkola, Weighted low-rank approximations, 2003 [recalled]). With
    equally many duels of every pair one step is the answer, by Eckart and Young; with others it is a local one.

    Parameters
    ----------
    wins : ndarray, shape (actions, actions)
        Wins of the row against the column.
    rank : int
        Even number >= 2: singular values of a skew matrix come in pairs.
    """
    if rank != int(rank) or rank < 2 or rank % 2:
        raise NashsimError(f"model: low-rank needs an even rank >= 2, such as low-rank:2, found {rank!r}")
    observed, duels = tabular(wins) - 0.5, wins + wins.T
    weight = duels / duels.max()
    fit = np.zeros_like(observed)
    for _ in range(_STEPS):
        left, values, right = np.linalg.svd(weight * observed + (1 - weight) * fit)
        cut = (left[:, : int(rank)] * values[: int(rank)]) @ right[: int(rank)]
        cut = (cut - cut.T) / 2
        moved, fit = np.abs(cut - fit).max(), cut
        if moved <= _SETTLED:
            break
    return 0.5 + np.clip(fit, -0.5, 0.5)


#: Classes by name; each takes wins, shape (actions, actions), and returns P of that shape.
MODELS: dict[str, Callable[..., np.ndarray]] = {
    "tabular": tabular,
    "bradley-terry": bradley_terry,
    "low-rank": low_rank,
}


def get_model(word: str) -> Callable[[np.ndarray], np.ndarray]:
    """Return the fit of a class by its word: ``tabular``, ``bradley-terry``, ``low-rank`` or ``low-rank:4``.

    Parameters
    ----------
    word : str
        Name, and after a colon the rank.

    Raises
    ------
    NashsimError
        For another word.
    """
    name, colon, number = str(word).partition(":")
    if name not in MODELS or (colon and name != "low-rank"):
        raise unknown_name("model", str(word), MODELS)
    if not colon:
        return MODELS[name]
    try:
        rank = int(number)
    except ValueError:
        raise NashsimError(
            f"model: low-rank needs an even rank >= 2, such as low-rank:2, found {word!r}"
        ) from None
    return lambda wins: low_rank(wins, rank)


def fit_preference(wins: np.ndarray, model: str = "tabular") -> np.ndarray:
    """Return the probabilities of a class fitted to counted duels, shape (contexts, actions, actions).

    Parameters
    ----------
    wins : ndarray, shape (contexts, actions, actions)
        Wins of the row against the column, or what is expected of them.
    model : str
        Class, as for :func:`get_model`.
    """
    fit = get_model(model)
    return np.stack([fit(one) if one.any() else np.full(one.shape, 0.5) for one in wins])


def misspecification(probabilities: np.ndarray, shares: np.ndarray, model: str) -> tuple[float, np.ndarray]:
    """Return how far a class stays from P with infinitely many duels, sqrt(E (P_class - P)^2), and the P_class.

    Parameters
    ----------
    probabilities : ndarray, shape (contexts, actions, actions)
        P.
    shares : ndarray, shape (contexts, actions, actions)
        Probability nu that a duel is one of two arms, the diagonal included.
    model : str
        Class, as for :func:`get_model`.
    """
    apart = ~np.eye(probabilities.shape[1], dtype=bool)
    weight = np.where(apart, shares, 0.0)
    fitted = fit_preference(weight * probabilities, model)
    return float(np.sqrt((weight * (fitted - probabilities) ** 2).sum() / weight.sum())), fitted
