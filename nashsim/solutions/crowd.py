"""Crowds of users with utilities: welfare and distortion of each solution, and who is served."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..errors import NashsimError
from ..game import PreferenceGame
from ..logspace import kl, log_normalise
from ..preferences import AnnotatorPreference
from .compare import Solutions

if TYPE_CHECKING:
    import pandas as pd


def crowd_game(utilities, beta: float = 1.0, shares=None, **game) -> PreferenceGame:
    """Return the game of a crowd: P(i ≻ j) = E_u sigma(beta (U_ui - U_uj)).

    Parameters
    ----------
    utilities : array_like, shape (users, actions)
        Finite utilities.
    beta : float
        Sharpness of the users' choices, > 0.
    shares : array_like or None, shape (users,)
        Share of each user; ``None`` is uniform.
    **game
        Other arguments of :class:`~nashsim.PreferenceGame`: ``tau``, ``reference``, ``labels``, ...

    Raises
    ------
    NashsimError
        For a beta that is no number > 0, or utilities or shares out of range.

    Examples
    --------
    >>> crowd_game([[1.0, 0.0], [0.0, 0.2]], beta=2.0).probabilities[0, 0].round(3)
    array([0.5  , 0.641])
    """
    return PreferenceGame(
        AnnotatorPreference(check_beta(beta) * np.asarray(utilities, float), shares), **game
    )


def check_beta(beta) -> float:
    """Return beta as a float, or raise NashsimError unless it is a finite number > 0."""
    try:
        number = float(beta)
    except (TypeError, ValueError):
        number = float("nan")
    if not (np.isfinite(number) and number > 0):
        raise NashsimError(f"beta: a finite number > 0 is needed, found {beta!r}")
    return number


def guarantee(beta: float) -> float:
    """Return 4 (sigma(beta) - 1/2)/beta, the share of welfare that the regularised Nash policy secures.

    For utilities in [0, 1], w(pi*_tau) is at least this times w(pi) for all pi with KL(pi || mu) <= KL(pi*_tau || mu).

    Parameters
    ----------
    beta : float
        Sharpness of the users' choices, > 0.

    Notes
    -----
    Distortion of AI alignment, arXiv 2505.23749 [paper].

    Examples
    --------
    >>> round(guarantee(1e-6), 9), round(guarantee(10.0), 4)
    (1.0, 0.2)
    """
    beta = check_beta(beta)
    return float(2 * np.tanh(beta / 2) / beta)


def best_in_ball(welfare, log_reference, radius: float) -> np.ndarray:
    """Return the policy of most welfare among those with KL(pi || mu) <= radius, pi ∝ mu exp(t w) [derived].

    Parameters
    ----------
    welfare : array_like, shape (actions,)
        w(y) of every response.
    log_reference : array_like, shape (actions,)
        log mu.
    radius : float
        At least 0.

    Examples
    --------
    >>> best_in_ball([1.0, 0.0], np.log([0.5, 0.5]), 0.1).round(3)
    array([0.72, 0.28])
    """
    welfare, log_mu = np.asarray(welfare, float), np.asarray(log_reference, float)
    top = welfare.max(where=log_mu > -np.inf, initial=-np.inf)
    limit = log_normalise(np.where(welfare >= top, log_mu, -np.inf))
    if kl(limit, log_mu) <= radius:
        return np.exp(limit)

    def tilted(log_t):
        return log_normalise(log_mu + np.exp(log_t) * (welfare - top))

    low, high = -60.0, 60.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if kl(tilted(middle), log_mu) <= radius else (low, middle)
    return np.exp(tilted(low))


def distortion(found: Solutions) -> pd.DataFrame:
    """Return welfare and distortion of each solution, one row each.

    Parameters
    ----------
    found : Solutions
        Solutions of a game of one context with known utilities, none of them negative.

    Returns
    -------
    pandas.DataFrame
        Columns ``welfare``, ``best`` (max_y w(y)), ``distortion`` (best over welfare), ``kl`` (KL to the reference),
        ``best_in_ball`` (most welfare with no larger KL) and ``distortion_in_ball``.

    Raises
    ------
    NashsimError
        Without utilities, with negative ones, whose ratios mean nothing, or for several contexts.

    Examples
    --------
    >>> from nashsim.solutions import solutions
    >>> crowd = [[1.0, 0.0, 0.4], [0.0, 1.0, 0.4], [0.0, 0.9, 0.5]]
    >>> found = solutions(crowd_game(crowd, beta=5.0, tau=0.1), concepts=["lottery", "borda"], utilities=crowd)
    >>> distortion(found).distortion.round(3).to_dict()
    {'lottery': 1.0, 'borda': 1.0}
    """
    import pandas as pd

    if found.utilities is None or found.shares is None:
        raise NashsimError("solutions: utilities are needed for welfare; give solutions(..., utilities=...)")
    if found.game.contexts != 1:
        raise NashsimError(f"solutions: a game of one context is needed, found {found.game.contexts}")
    if found.utilities.min() < 0:
        raise NashsimError(
            f"utilities: numbers >= 0 are needed for ratios of welfare, found {found.utilities.min():g};"
            " shift and scale each user's to [0, 1]"
        )
    welfare, log_mu = found.shares @ found.utilities, found.game.log_reference[0]
    rows = {}
    for name, (policy,) in found.probabilities.items():
        with np.errstate(divide="ignore"):
            radius = float(kl(np.log(policy), log_mu))
        inside = (
            float(welfare @ best_in_ball(welfare, log_mu, radius)) if np.isfinite(radius) else welfare.max()
        )
        own = float(welfare @ policy)
        rows[name] = {
            "welfare": own, "best": float(welfare.max()), "distortion": _ratio(welfare.max(), own), "kl": radius,
            "best_in_ball": inside, "distortion_in_ball": _ratio(inside, own),
        }  # fmt: skip
    return pd.DataFrame.from_dict(rows, orient="index")


def welfare_by_group(found: Solutions, groups=None) -> pd.DataFrame:
    """Return the mean utility of each group of users under each solution, solutions as columns.

    Parameters
    ----------
    found : Solutions
        Solutions with known utilities.
    groups : sequence or None, length users
        Group of each user; ``None`` takes every user alone.

    Raises
    ------
    NashsimError
        Without utilities, or for groups of another length.

    Examples
    --------
    >>> from nashsim.solutions import solutions
    >>> crowd = [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    >>> found = solutions(crowd_game(crowd, beta=5.0, tau=0.1), concepts=["lottery"], utilities=crowd)
    >>> welfare_by_group(found, ["many", "many", "few"]).lottery.to_dict()
    {'few': 0.0, 'many': 1.0}
    """
    import pandas as pd

    if found.utilities is None or found.shares is None:
        raise NashsimError("solutions: utilities are needed for welfare; give solutions(..., utilities=...)")
    users = len(found.utilities)
    names = list(range(users)) if groups is None else list(groups)
    if len(names) != users:
        raise NashsimError(f"groups: one group a user is needed, {users}, found {len(names)}")
    # contexts count by their weights
    mean = {name: found.game.weights @ policy for name, policy in found.probabilities.items()}
    table = pd.DataFrame({name: found.utilities @ policy for name, policy in mean.items()})
    weighted = table.mul(found.shares, axis=0).groupby(names).sum()
    return weighted.div(pd.Series(found.shares).groupby(names).sum(), axis=0)


def _ratio(best: float, own: float) -> float:
    return float(best / own) if own > 0 else (1.0 if best == 0 else float("inf"))
