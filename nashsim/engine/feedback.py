"""Noisy feedback: a payoff vector estimated from sampled opponents or from duels, by a stream of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import NashsimError, unknown_name
from ..rules import GradientStep, Rule
from .codes import DUELS, EXACT, OPPONENTS, PAIRS, RESPONSES

#: Code of each kind of feedback in the compiled kernel.
KINDS = {"exact": EXACT, "opponents": OPPONENTS, "duels": DUELS, "pairs": PAIRS, "responses": RESPONSES}
#: Ridge of the regression on pairs: keeps actions that no pair has met at the payoff 0, and fixes the constant.
RIDGE = 1e-6


@dataclass(frozen=True)
class Feedback:
    """How a query P(. ≻ opponent) is answered.

    ``opponents``: the mean of P(. ≻ z_j) over ``samples`` opponents z_j ~ opponent, the same for all actions.
    ``duels``: for every action the mean outcome of ``samples`` Bernoulli duels, each against a fresh
    z ~ opponent; one query then is ``actions x samples`` duels. Both are unbiased.
    ``pairs``: least squares on ``samples`` pairs y, y' ~ opponent, min_u sum (u_y - u_y' - (I_y - I_y'))^2 with
    I the outcomes against a fresh z ~ opponent: the regression by which DNO, INPO and ENPO fit a step from
    finitely many label differences. The squared error falls as 1/samples [paper: DNO, arXiv 2404.03715]. A ranking
    step takes ``samples`` batches of responses instead, in each of which all duel all.
    ``responses``: for gradient steps alone, ``samples`` responses y ~ policy, each in one duel against a fresh
    z ~ opponent: the stochastic policy gradient, unbiased. One query then is ``samples`` duels. Under the other
    kinds a gradient step takes the expectation over its own responses exactly and only its payoff is estimated.
    An opponent with a negative weight is no distribution to draw from: each of its policies is answered so, from
    ``samples`` of its own, and the answers are summed by their weights.

    Parameters
    ----------
    kind : "exact", "opponents", "duels", "pairs" or "responses"
    samples : int
        m >= 1; exact feedback has no use for it.

    Raises
    ------
    NashsimError
        For an unknown kind or a number of samples below 1.

    Examples
    --------
    >>> Feedback("duels", 8)
    Feedback(kind='duels', samples=8)
    """

    kind: str = "exact"
    samples: int = 1

    def __post_init__(self):
        if self.kind not in KINDS:
            raise unknown_name("feedback", str(self.kind), KINDS)
        if self.samples != int(self.samples) or self.samples < 1:
            raise NashsimError(f"samples: a whole number >= 1 is needed, found {self.samples!r}")

    def require_usable(self, rule: Rule) -> None:
        """Raise unless the rule's queries can be answered so.

        Parameters
        ----------
        rule : Rule

        Raises
        ------
        NashsimError
            For sampled responses under a rule of mirror steps.
        """
        if self.kind != "responses":
            return
        if not all(isinstance(step, GradientStep) for step in rule.steps(1.0, 0) if step.opponent):
            raise NashsimError(
                f"feedback: 'responses' feed policy gradients, {rule.name!r} takes mirror steps;"
                " use 'opponents', 'duels' or 'pairs'"
            )

    @property
    def code(self) -> tuple[int, int, float]:
        """The kind, the number of samples and the ridge as the kernel takes them."""
        return KINDS[self.kind], int(self.samples), RIDGE


def streams(seeds: Sequence[int], contexts: Sequence[int]) -> np.ndarray:
    """Return the state of one SplitMix64 stream a problem, whatever else runs beside it.

    Parameters
    ----------
    seeds : sequence of int
    contexts : sequence of int
        Index of each context within its own game.

    Returns
    -------
    ndarray of uint64, shape (seeds, contexts)
    """
    spawned = [[np.random.SeedSequence(seed, spawn_key=(1, int(c))) for c in contexts] for seed in seeds]
    return np.array(
        [[one.generate_state(1, np.uint64)[0] for one in row] for row in spawned], dtype=np.uint64
    )


class Stream:
    """SplitMix64 in plain Python: the text that the kernel's generator is held to.

    Steele, Lea and Flood, Fast splittable pseudorandom number generators (2014) [recalled].

    Parameters
    ----------
    state : int
    """

    def __init__(self, state: int):
        self._state = int(state)

    def uniform(self) -> float:
        """Return the next number of [0, 1), of 53 random bits."""
        mask = (1 << 64) - 1
        self._state = (self._state + 0x9E3779B97F4A7C15) & mask
        z = self._state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        return ((z ^ (z >> 31)) >> 11) * 2.0**-53

    def draw(self, policy: np.ndarray) -> int:
        """Return an action of a policy of probabilities, shape (actions,), by inversion."""
        rest = self.uniform()
        for action, probability in enumerate(policy):
            rest -= probability
            if rest < 0:
                return action
        return len(policy) - 1


def estimated_margin(
    feedback: Feedback, skew: np.ndarray, opponent: np.ndarray, stream: Stream
) -> np.ndarray:
    """Return an estimate of A pi (for pairs, up to a constant) from samples.

    Parameters
    ----------
    feedback : Feedback
        Not exact.
    skew : ndarray, shape (actions, actions)
    opponent : ndarray, shape (actions,)
        Probabilities.
    stream : Stream

    Returns
    -------
    ndarray, shape (actions,)
    """
    total = np.zeros(len(skew))
    if feedback.kind == "pairs":
        return _fit_pairs(feedback.samples, skew, opponent, stream)
    if feedback.kind == "opponents":
        for _ in range(feedback.samples):
            total += skew[:, stream.draw(opponent)]
    else:
        for action in range(len(skew)):
            for _ in range(feedback.samples):
                z = stream.draw(opponent)
                total[action] += 0.5 if stream.uniform() < 0.5 + skew[action, z] else -0.5
    return total / feedback.samples


def sampled_gradient(
    skew: np.ndarray,
    source: np.ndarray,
    opponent: np.ndarray,
    score: np.ndarray,
    stream: Stream,
    samples: int,
    pairwise: bool,
) -> np.ndarray:
    """Return the gradient of a gradient step as estimated from responses y ~ source, each in a duel with z ~ opponent.

    Parameters
    ----------
    skew : ndarray, shape (actions, actions)
    source, opponent : ndarray, shape (actions,)
        Probabilities.
    score : ndarray, shape (actions,)
        The log-policies' share of what is climbed.
    stream : Stream
    samples : int
    pairwise : bool
        Whether z learns as well.

    Returns
    -------
    ndarray, shape (actions,)
    """
    total = np.zeros(len(skew))
    for _ in range(samples):
        y, z = stream.draw(source), stream.draw(opponent)
        total += response_gradient(y, z, stream.uniform() < 0.5 + skew[y, z], source, score, pairwise)
    return total / samples


def response_gradient(
    y: int, z: int, won: bool, source: np.ndarray, score: np.ndarray, pairwise: bool
) -> np.ndarray:
    """Return what one duel says of the gradient: (e_y - q)[I - 1/2 + s_y], or (e_y - e_z)[I - 1/2 + s_y - s_z]/2.

    Parameters
    ----------
    y, z : int
    won : bool
        Whether y won, I = 1.
    source, score : ndarray, shape (actions,)
        q and s.
    pairwise : bool

    Returns
    -------
    ndarray, shape (actions,)
    """
    outcome = 0.5 if won else -0.5
    if not pairwise:
        return (np.eye(len(source))[y] - source) * (outcome + score[y])
    direction = np.eye(len(source))[y] - np.eye(len(source))[z]
    return direction * (outcome + score[y] - score[z]) / 2


def _fit_pairs(samples: int, skew: np.ndarray, opponent: np.ndarray, stream: Stream) -> np.ndarray:
    laplacian, differences = RIDGE * np.eye(len(skew)), np.zeros(len(skew))
    for _ in range(samples):
        pair = np.zeros(len(skew))
        y, other, z = (stream.draw(opponent) for _ in range(3))
        label = float(stream.uniform() < 0.5 + skew[y, z]) - float(stream.uniform() < 0.5 + skew[other, z])
        pair[y] += 1
        pair[other] -= 1
        laplacian += np.outer(pair, pair)
        differences += label * pair
    return np.linalg.solve(laplacian, differences)
