"""Who votes like whom: users clustered by their own comparisons, as a mixture of Bradley-Terry models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..data.values import is_number
from ..errors import NashsimError
from ..game import PreferenceGame
from ..preferences import AnnotatorPreference

if TYPE_CHECKING:
    import pandas as pd

_MOST_ENTRIES = 50_000_000
_ROUNDS = 300
_SETTLED = 1e-9


@dataclass(frozen=True, eq=False)
class Clusters:
    """Clusters of users, the largest first.

    Attributes
    ----------
    labels : tuple of str
        Labels of the responses.
    users : tuple of str
    memberships : ndarray, shape (users, clusters)
        Posterior probability of each user's cluster.
    shares : ndarray, shape (clusters,)
        Share of the users in each.
    rewards : ndarray, shape (clusters, actions)
        Bradley-Terry rewards of each, of mean 0.
    log_likelihood : float
    bic : float
        -2 log-likelihood + (clusters actions - 1) log users: smaller is better, to choose the number of clusters.
    """

    labels: tuple[str, ...]
    users: tuple[str, ...]
    memberships: np.ndarray
    shares: np.ndarray
    rewards: np.ndarray
    log_likelihood: float
    bic: float

    @property
    def of_user(self) -> dict[str, int]:
        """The most probable cluster of each user."""
        return dict(zip(self.users, self.memberships.argmax(axis=1).tolist(), strict=True))

    def game(self, **arguments) -> PreferenceGame:
        """Return the game of the clusters, P(y ≻ y') = sum_k share_k sigma(r_ky - r_ky').

        Parameters
        ----------
        **arguments
            Other arguments of :class:`~nashsim.PreferenceGame`, such as ``tau``.
        """
        preference = AnnotatorPreference(self.rewards, self.shares / self.shares.sum())
        return PreferenceGame(preference, **{"labels": self.labels, "name": "clusters", **arguments})


def load_utilities(path: str | Path) -> tuple[tuple[str, ...], np.ndarray, np.ndarray | None]:
    """Return labels, utilities, shape (users, labels), and shares of users from a table with a row a user.

    Parameters
    ----------
    path : str or Path
        Table with a header of labels. A column ``share`` holds the users' shares, one ``user`` their names.

    Returns
    -------
    tuple
        Shares are ``None`` where there is no such column.

    Raises
    ------
    NashsimError
        For a file that is not there or no such table, or cells that are no numbers.

    Examples
    --------
    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "crowd.csv")
    >>> with open(path, "w") as file:
    ...     _ = file.write("share,a,b\\n0.75,1,0\\n0.25,0,2\\n")
    >>> load_utilities(path)
    (('a', 'b'), array([[1., 0.],
           [0., 2.]]), array([0.75, 0.25]))
    """
    from ..data.cells import read_table
    from ..data.content import decode, read_content

    name = Path(path).name
    text, _ = decode(read_content(Path(path)))
    if text is None:
        raise NashsimError(f"{name}: a text table of utilities is needed, found a binary file")
    table = read_table(text, name)
    body, header = table.body(), table.rows[0]
    labels = tuple(label for label in header if label not in ("share", "user"))
    if not body or not labels or all(map(is_number, labels)):
        raise NashsimError(
            f"{name}: utilities have a header of labels and a row a user, found {len(body)} rows under"
            f" {', '.join(map(repr, header[:6]))}"
        )
    utilities = np.stack([table.numbers(body, header.index(label)) for label in labels], axis=1)
    return labels, utilities, table.numbers(body, header.index("share")) if "share" in header else None


def votes_by_user(
    votes: pd.DataFrame, user: str, **how
) -> tuple[tuple[str, ...], tuple[str, ...], np.ndarray]:
    """Return users, labels, and the wins of each user, shape (users, labels, labels), a tie counting half for both.

    Parameters
    ----------
    votes : DataFrame
        One comparison a row, as :func:`nashsim.data.from_frame` reads it.
    user : str
        Column that names who voted.
    **how
        Other arguments of :func:`nashsim.data.from_frame`, such as ``columns``.

    Raises
    ------
    NashsimError
        For a column that is not there or has gaps, or votes that cannot be read.
    """
    from ..data import from_frame

    if user not in votes.columns:
        raise NashsimError(
            f"user: a column of {', '.join(map(str, votes.columns))} is needed, found {user!r}"
        )
    if votes[user].isna().any():
        raise NashsimError(
            f"user: every row of {user!r} must name who voted, found {votes[user].isna().sum()} gaps"
        )
    read = {
        str(name): from_frame(part.drop(columns=user), format="battles", **how)
        for name, part in votes.groupby(user)
    }
    labels = tuple(sorted({label for one in read.values() for label in one.labels}))
    if len(read) * len(labels) ** 2 > _MOST_ENTRIES:
        raise NashsimError(
            f"votes: {len(read)} users and {len(labels)} responses are too many; leave some out"
        )
    wins, place = (
        np.zeros((len(read), len(labels), len(labels))),
        {label: k for k, label in enumerate(labels)},
    )
    for u, one in enumerate(read.values()):
        at = [place[label] for label in one.labels]
        wins[u][np.ix_(at, at)] = one.wins + (0 if one.ties is None else one.ties / 2)
    return tuple(read), labels, wins


def cluster_users(
    wins,
    clusters: int,
    *,
    users: Sequence[str] | None = None,
    labels: Sequence[str] | None = None,
    ridge: float = 0.1,
    seed: int = 0,
    restarts: int = 5,
) -> Clusters:
    """Return clusters of users by the EM algorithm for a mixture of Bradley-Terry models, a user's votes in one.

    Maximises sum_u log sum_k s_k prod sigma(r_ky - r_kz)^wins_u(y, z) - ridge sum |r|^2/2, from several random starts.

    Parameters
    ----------
    wins : array_like, shape (users, actions, actions)
        Times the row won against the column by each user's votes.
    clusters : int
        Number of clusters, from 1 to the number of users.
    users, labels : sequence of str or None
    ridge : float
        Weight of the penalty, > 0, which keeps rewards finite.
    seed : int
        Seed of the random starts.
    restarts : int
        Number of them; the best is kept.

    Raises
    ------
    NashsimError
        For wins of another shape or negative, or numbers outside their ranges.

    Examples
    --------
    >>> left, right = np.array([[0, 9], [1, 0]]), np.array([[0, 1], [9, 0]])
    >>> cluster_users([left, left, right], 2).shares.round(2)
    array([0.67, 0.33])
    """
    wins = np.array(wins, dtype=float)
    if (
        wins.ndim != 3
        or wins.shape[1] != wins.shape[2]
        or not wins.size
        or not (np.isfinite(wins) & (wins >= 0)).all()
    ):
        raise NashsimError(
            f"wins: numbers >= 0 of shape (users, actions, actions) are needed, found {wins.shape}"
        )
    count, n = wins.shape[:2]
    for name, value, most in (("clusters", clusters, count), ("restarts", restarts, 10**6)):
        if value != int(value) or not 1 <= value <= most:
            raise NashsimError(f"{name}: a whole number from 1 to {most} is needed, found {value!r}")
    if not (np.isfinite(ridge) and ridge > 0):
        raise NashsimError(f"ridge: a finite number > 0 is needed, found {ridge!r}")
    rng = np.random.default_rng(np.random.SeedSequence(seed))
    starts = 1 if clusters == 1 else int(restarts)
    found = [_em(wins, rng.dirichlet(np.ones(int(clusters)), count), ridge) for _ in range(starts)]
    _, likelihood, memberships, rewards = max(found, key=lambda one: one[0])
    order = np.argsort(-memberships.mean(axis=0), kind="stable")
    memberships, rewards = memberships[:, order], rewards[order]
    return Clusters(
        labels=tuple(map(str, range(n) if labels is None else labels)),
        users=tuple(map(str, range(count) if users is None else users)),
        memberships=memberships,
        shares=memberships.mean(axis=0),
        rewards=rewards - rewards.mean(axis=1, keepdims=True),
        log_likelihood=likelihood,
        bic=-2 * likelihood + (int(clusters) * n - 1) * float(np.log(count)),
    )


def _em(wins: np.ndarray, memberships: np.ndarray, ridge: float):
    """Return the penalised and the plain log-likelihood, memberships and rewards at a local maximum."""
    rewards = np.zeros((memberships.shape[1], wins.shape[1]))
    before = -np.inf
    for _ in range(_ROUNDS):
        for k in range(len(rewards)):
            rewards[k] = _fit(np.tensordot(memberships[:, k], wins, axes=1), ridge, rewards[k])
        with np.errstate(divide="ignore"):
            logs = np.log(memberships.mean(axis=0))
        margins = rewards[:, :, None] - rewards[:, None, :]
        logs = logs - np.tensordot(wins, np.logaddexp(0, -margins), axes=([1, 2], [1, 2]))
        top = logs.max(axis=1, keepdims=True)
        mass = np.exp(logs - top)
        memberships = mass / mass.sum(axis=1, keepdims=True)
        likelihood = float((top[:, 0] + np.log(mass.sum(axis=1))).sum())
        penalised = likelihood - ridge * float(np.square(rewards).sum()) / 2
        if penalised - before <= _SETTLED * max(1.0, abs(penalised)):
            break
        before = penalised
    return penalised, likelihood, memberships, rewards


def _fit(wins: np.ndarray, ridge: float, reward: np.ndarray) -> np.ndarray:
    """Return argmax sum wins log sigma(r_y - r_z) - ridge |r|^2/2, by Newton's method with halved steps."""
    duels = wins + wins.T

    def value(r):
        return -(wins * np.logaddexp(0, r[None, :] - r[:, None])).sum() - ridge * r @ r / 2

    for _ in range(50):
        chance = 0.5 + 0.5 * np.tanh((reward[:, None] - reward) / 2)
        slope = (wins - duels * chance).sum(axis=1) - ridge * reward
        weight = duels * chance * (1 - chance)
        step = np.linalg.solve(np.diag(weight.sum(axis=1) + ridge) - weight, slope)
        share, now = 1.0, value(reward)
        while share > 1e-6 and value(reward + share * step) < now:
            share /= 2
        reward = reward + share * step
        if np.abs(step).max() < 1e-10:
            break
    return reward
