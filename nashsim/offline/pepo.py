"""PEPO: an ensemble of DPO policies of disjoint parts of a log, believed where it agrees, and silent elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import NashsimError
from ..logspace import log_normalise
from ..online.duels import DuelLog, Environment
from .dpo import check_settings, margin, rewards_of
from .logs import read_log

#: How the members of an ensemble see the data.
PARTS = ("disjoint", "bootstrap")
#: Stands in a sample where every try was rejected.
NOTHING = -1


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Policies fitted to parts of a log, and what they agree on: q(y) = min_l pi_l(y), of whole responses.

    Attributes
    ----------
    log_members : ndarray, shape (members, contexts, actions)
        log pi_l.
    """

    log_members: np.ndarray

    @property
    def log_shared(self) -> np.ndarray:
        """log q = min_l log pi_l, not normalised, shape (contexts, actions)."""
        return self.log_members.min(axis=0)

    @property
    def agreement(self) -> np.ndarray:
        """The chance Z = sum_y min_l pi_l(y) in (0, 1] that one try of rejection succeeds, shape (contexts,)."""
        return np.exp(self.log_shared).sum(axis=-1)

    @property
    def log_policy(self) -> np.ndarray:
        """log of pi = q/Z, what is sampled given that a try succeeds, shape (contexts, actions)."""
        return log_normalise(self.log_shared)

    def silence(self, tries: int) -> np.ndarray:
        """Return the chance (1 - Z)^tries that all tries are rejected, shape (contexts,).

        Parameters
        ----------
        tries : int
            Number of tries, at least 1.
        """
        return (1 - np.minimum(self.agreement, 1.0)) ** check_tries(tries)

    def sample(self, size: int, *, tries: int = 10, seed: int = 0, context: int = 0) -> np.ndarray:
        """Draw by rejection: y ~ pi_0 is taken with probability min_l pi_l(y)/pi_0(y); -1 where no try was taken.

        What is taken follows pi, and nothing comes back with probability :meth:`silence`.

        Parameters
        ----------
        size : int
            Number of draws.
        tries : int
            Number of tries of a draw, at least 1.
        seed : int
            Seed of the draws.
        context : int
            Context to draw in.

        Returns
        -------
        ndarray of int, shape (size,)
        """
        tries, rng = check_tries(tries), np.random.default_rng(seed)
        contexts = self.log_members.shape[1]
        if context not in range(contexts) or size < 0:
            raise NashsimError(
                f"size, context: draws >= 0 in a context from 0 to {contexts - 1} are needed, found {size!r} and"
                f" {context!r}"
            )
        proposal = np.exp(self.log_members[0, context])
        share = np.exp(self.log_shared[context] - np.where(proposal > 0, self.log_members[0, context], 0.0))
        found = np.full(int(size), NOTHING)
        for _ in range(tries):
            open_ = np.flatnonzero(found == NOTHING)
            if not len(open_):
                break
            drawn = rng.choice(len(proposal), size=len(open_), p=proposal / proposal.sum())
            taken = rng.random(len(open_)) < share[drawn]
            found[open_[taken]] = drawn[taken]
        return found


def check_tries(tries) -> int:
    """Return the number of tries, or raise NashsimError unless it is a whole number >= 1."""
    if tries != int(tries) or tries < 1:
        raise NashsimError(f"tries: a whole number >= 1 is needed, found {tries!r}")
    return int(tries)


def pepo_ensemble(
    log: DuelLog | Environment,
    reference,
    beta: float,
    ridge: float = 0.1,
    members: int = 5,
    parts: str = "disjoint",
    seed: int = 0,
    ties: float = 0.0,
) -> Ensemble:
    """Return the members of PEPO, each DPO on its part of the duels.

    Parameters
    ----------
    log, reference, beta, ridge, ties
        As for :func:`~nashsim.offline.offline_dpo`.
    members : int
        Number of policies in the ensemble, at least 1; one member with disjoint parts is DPO.
    parts : {"disjoint", "bootstrap"}
        Duels of each member: all of them shuffled and dealt out, or as many as there are, drawn with putting back;
        resampled members share much of their luck and so are less pessimistic.
    seed : int
        Seed of the parts.

    Raises
    ------
    NashsimError
        As ``offline_dpo``, for fewer duels than members, or unknown parts.

    References
    ----------
    PEPO, Barla et al., Provably avoiding over-optimization in Direct Preference Optimization, arXiv 2602.06239:
    disjoint parts and the worst case over members [abstract]; the margin of ties, the minimum of probabilities, and
    that what it lacks to 1 stands for "I do not know", tried again a few times [code, where tokens are so drawn].
    Rejection of whole responses and its law, the bootstrap and the ridge [derived].

    Examples
    --------
    >>> log = DuelLog(*np.array([[0] * 4, [0] * 4, [1] * 4]), np.array([True, True, True, False]))
    >>> ensemble = pepo_ensemble(log, np.log([0.5, 0.5]), beta=1.0, members=2)
    >>> bool(0 < ensemble.agreement[0] <= 1), ensemble.sample(3, seed=1).shape
    (True, (3,))
    """
    check_settings(beta=beta, ridge=ridge, ties=ties)
    log, log_reference = read_log(log, reference)
    duels = len(log.won)
    if members != int(members) or not 1 <= members <= duels:
        raise NashsimError(
            f"members: a whole number from 1 to the {duels} duels is needed, found {members!r}"
        )
    if parts not in PARTS:
        raise NashsimError(f"parts: one of {', '.join(PARTS)} is needed, found {parts!r}")
    rng = np.random.default_rng(seed)
    if parts == "disjoint":
        seen = np.array_split(rng.permutation(duels), int(members))
    else:
        seen = list(rng.integers(0, duels, (int(members), duels)))
    made = []
    for chosen in seen:
        part = DuelLog(*(array[chosen] for array in log))
        rewards = rewards_of(part, log_reference.shape, ridge, margin(beta, ties))
        made.append(log_normalise(log_reference + rewards / beta))
    return Ensemble(np.stack(made))


def pepo(
    log: DuelLog | Environment,
    reference,
    beta: float,
    ridge: float = 0.1,
    members: int = 5,
    parts: str = "disjoint",
    seed: int = 0,
    ties: float = 0.0,
) -> np.ndarray:
    """Return the pessimistic ensemble of DPO policies, pi ∝ min_l pi_l.

    Member l is DPO on its part of the duels; the least of the log-ratios log pi_l/mu is an action's pessimistic reward,
    up to beta. Where coverage is thin the members part ways, and one of them that did not see the lucky wins is enough;
    where it is thick they agree, and pi tends to DPO's policy. So coverage of the responses worth playing is enough.

    Parameters
    ----------
    log, reference, beta, ridge, members, parts, seed, ties
        As for :func:`pepo_ensemble`.

    Returns
    -------
    ndarray, shape (contexts, actions)
        Log-probabilities.

    Raises
    ------
    NashsimError
        As ``pepo_ensemble``.

    Examples
    --------
    >>> from nashsim.offline import offline_dpo
    >>> log = DuelLog(*np.array([[0] * 4, [0] * 4, [1] * 4]), np.array([True, True, True, False]))
    >>> one = pepo(log, np.log([0.5, 0.5]), beta=1.0, members=1)
    >>> bool(np.allclose(one, offline_dpo(log, np.log([0.5, 0.5]), beta=1.0)))
    True
    """
    return pepo_ensemble(log, reference, beta, ridge, members, parts, seed, ties).log_policy
