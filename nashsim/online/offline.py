"""Policies from a fixed set of duels: DPO, and PEPO, an ensemble of DPO policies that is believed where it agrees."""

from __future__ import annotations

import math

import numpy as np

from ..errors import NashsimError
from ..logspace import log_normalise
from .duels import DuelLog, Environment, align_duels, read_numbered

#: How the members of an ensemble see the data.
PARTS = ("disjoint", "bootstrap")


def offline_dpo(log: DuelLog | Environment, reference, beta: float, ridge: float = 0.1) -> np.ndarray:
    """Return DPO's policy of a fixed set of duels, pi ∝ mu exp(r/beta) with their Bradley-Terry rewards r.

    r = argmax sum_s log sigmoid(r_winner - r_loser) - ridge |r|^2/2 in every context, which is the tabular minimiser of
    DPO's loss. A response in no duel keeps r = 0, the mean of all rewards.

    Parameters
    ----------
    log : DuelLog or Environment
        An environment, such as ``Duels`` or ``RecordedVotes``, gives the duels fought so far.
    reference : array_like, Series, DataFrame or result
        The reference policy as probabilities or their logarithms, shape (contexts, actions) or (actions,); labelled
        ones are aligned with the labels of the environment, or with the numbers of the arms of a log.
    beta : float
        Temperature of the policy, > 0.
    ridge : float
        Weight of |r|^2/2 in the fit, > 0.

    Returns
    -------
    ndarray, shape (contexts, actions)
        Log-probabilities.

    Raises
    ------
    NashsimError
        For no duels, duels or labels outside the reference's, or beta or ridge that are not above 0.

    References
    ----------
    Rafailov et al., Direct Preference Optimization, arXiv 2305.18290 (the loss and its closed form [recalled]); the
    ridge [derived].

    Examples
    --------
    >>> log = DuelLog(*np.array([[0] * 4, [0] * 4, [1] * 4]), np.array([True, True, True, False]))
    >>> policy = np.exp(offline_dpo(log, np.log([0.5, 0.5]), beta=1.0, ridge=1e-9))
    >>> policy.round(6).tolist()
    [[0.75, 0.25]]
    """
    log, log_reference = _checked(log, reference, beta, ridge)
    return log_normalise(log_reference + _rewards(log, log_reference.shape, ridge) / beta)


def pepo(
    log: DuelLog | Environment,
    reference,
    beta: float,
    ridge: float = 0.1,
    members: int = 5,
    parts: str = "disjoint",
    seed: int = 0,
) -> np.ndarray:
    """Return the pessimistic ensemble of DPO policies, pi ∝ min_l pi_l.

    Member l is DPO on its part of the duels; the least of the log-ratios log pi_l/mu is an action's pessimistic reward,
    up to beta. Where coverage is thin the members part ways, and one of them that did not see the lucky wins is enough;
    where it is thick they agree, and pi tends to DPO's policy. So coverage of the responses worth playing is enough.

    Parameters
    ----------
    log, reference, beta, ridge
        As for ``offline_dpo``.
    members : int
        Number of policies in the ensemble, at least 1; one member with disjoint parts is DPO.
    parts : {"disjoint", "bootstrap"}
        Duels of each member: all of them shuffled and dealt out, or as many as there are, drawn with putting back;
        resampled members share much of their luck and so are less pessimistic.
    seed : int
        Seed of the parts.

    Returns
    -------
    ndarray, shape (contexts, actions)
        Log-probabilities.

    Raises
    ------
    NashsimError
        As ``offline_dpo``, for fewer duels than members, or unknown parts.

    References
    ----------
    PEPO, Barla et al., Provably avoiding over-optimization in Direct Preference Optimization, arXiv 2602.06239: an
    ensemble trained on disjoint parts and aggregated by its worst case [recalled, abstract only]; the minimum of
    normalised policies, the bootstrap and the ridge are ours [derived].

    Examples
    --------
    >>> log = DuelLog(*np.array([[0] * 4, [0] * 4, [1] * 4]), np.array([True, True, True, False]))
    >>> one = pepo(log, np.log([0.5, 0.5]), beta=1.0, members=1)
    >>> bool(np.allclose(one, offline_dpo(log, np.log([0.5, 0.5]), beta=1.0)))
    True
    """
    log, log_reference = _checked(log, reference, beta, ridge)
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
    least = np.full(log_reference.shape, np.inf)
    for chosen in seen:
        part = DuelLog(*(array[chosen] for array in log))
        policy = log_normalise(log_reference + _rewards(part, log_reference.shape, ridge) / beta)
        np.minimum(least, policy, out=least)
    return log_normalise(least)


def _checked(log, reference, beta, ridge) -> tuple[DuelLog, np.ndarray]:
    for name, value in (("beta", beta), ("ridge", ridge)):
        if not (math.isfinite(value) and value > 0):
            raise NashsimError(f"{name}: a finite number > 0 is needed, found {value!r}")
    read = log.read_policy if isinstance(log, Environment) else read_numbered
    log_reference = read(reference, "reference")
    log = log.log if isinstance(log, Environment) else log
    if len(log.won) == 0:
        raise NashsimError("log: at least one duel is needed, found none")
    shape = (*log_reference.shape, log_reference.shape[1])
    contexts, first, second = align_duels(log.contexts, log.first, log.second, shape)
    return DuelLog(contexts, first, second, np.asarray(log.won, bool)), log_reference


def _rewards(log: DuelLog, shape: tuple[int, int], ridge: float) -> np.ndarray:
    """Return the Bradley-Terry rewards of duels, shape (contexts, actions)."""
    from .logistic_kernel import fit_rewards

    n = shape[1]
    wins = np.zeros((*shape, n))
    apart = log.first != log.second
    winner, loser = np.where(log.won, log.first, log.second), np.where(log.won, log.second, log.first)
    np.add.at(wins, (log.contexts[apart], winner[apart], loser[apart]), 1.0)
    rewards, none = np.zeros(shape), np.zeros(n)
    inverse, scratch = np.zeros((n, n)), np.zeros((n + 4, n))
    for counted, reward in zip(wins, rewards, strict=True):
        fit_rewards(counted, reward, float(ridge), none, 1e-10, inverse, scratch)
    return rewards
