"""Strategic annotators: how much attention a contract buys, from golden questions or from consistency.

An annotator answers ``labels`` questions with attention theta, the share of labels that are no coin flips, at a cost of
cost theta^2/2 a label, and chooses the theta that pays best.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass
from math import ceil

import numpy as np

from ..errors import NashsimError

_GRID = 4001


@dataclass(frozen=True)
class Effort:
    """What an annotator chooses under a contract.

    Attributes
    ----------
    attention : float
        theta in [0, 1], the best for the annotator; the largest of equals.
    pay : float
        Expected pay above the base.
    profit : float
        Expected pay less the cost of attention; at least that of theta = 0.
    """

    attention: float
    pay: float
    profit: float


@dataclass(frozen=True)
class Contract(abc.ABC):
    """A contract; subclasses state the expected pay of an attention.

    Parameters
    ----------
    bonus : float
        What is paid at most above the base, >= 0.
    """

    bonus: float

    def __post_init__(self):
        _number("bonus", self.bonus, 0, np.inf)

    @abc.abstractmethod
    def pay(self, attention: np.ndarray, questions: int) -> np.ndarray:
        """Return the expected pay above the base of attentions, with ``questions`` checks among the labels."""

    def best_effort(self, *, labels: int, questions: int, cost: float) -> Effort:
        """Return what the annotator chooses: argmax pay(theta) - labels cost theta^2/2.

        Parameters
        ----------
        labels : int
            Labels that the contract asks for, >= 1.
        questions : int
            Checks among them, from 1 to ``labels``: golden questions, or questions asked twice.
        cost : float
            Cost of full attention is cost/2 a label, > 0.

        Raises
        ------
        NashsimError
            For a number outside its range.

        Notes
        -----
        Found on a grid of 4001 attentions, then refined between neighbours: the pay of a threshold is not concave.
        """
        for name, value, most in (("labels", labels, np.inf), ("questions", questions, labels)):
            if value != int(value) or not 1 <= value <= most:
                raise NashsimError(f"{name}: a whole number from 1 to {most:g} is needed, found {value!r}")
        if not _number("cost", cost, 0, np.inf) > 0:
            raise NashsimError(f"cost: a number > 0 is needed, found {cost!r}")
        low, high = 0.0, 1.0
        for _ in range(4):
            grid = np.linspace(low, high, _GRID)
            profit = self.pay(grid, int(questions)) - labels * cost * grid**2 / 2
            at = len(grid) - 1 - int(np.argmax(profit[::-1]))
            low, high = grid[max(at - 1, 0)], grid[min(at + 1, len(grid) - 1)]
        theta = float(grid[at])
        return Effort(theta, float(self.pay(np.array([theta]), int(questions))[0]), float(profit[at]))


class Linear(Contract):
    """Pay in proportion to the attention that golden questions show: bonus theta in expectation, as it is unbiased.

    The best effort is min(1, bonus/(labels cost)) [derived]. The estimate may be negative, and so may the pay.

    Examples
    --------
    >>> Linear(bonus=30.0).best_effort(labels=100, questions=10, cost=0.5).attention.__round__(6)
    0.6
    """

    def pay(self, attention, questions):
        """Return bonus theta."""
        return self.bonus * attention


@dataclass(frozen=True)
class Threshold(Contract):
    """Pay the bonus where at least a share of the golden questions is answered rightly; sure questions, p = 1.

    Expected pay: bonus P(Bin(questions, (1 + theta)/2) >= share questions) [derived].

    Parameters
    ----------
    bonus : float
        What enough right answers earn, >= 0.
    share : float
        Share in (0, 1] of right answers that earns the bonus.

    Examples
    --------
    >>> Threshold(bonus=30.0, share=0.8).best_effort(labels=100, questions=20, cost=0.5).attention.__round__(2)
    0.75
    """

    share: float = 0.8

    def __post_init__(self):
        super().__post_init__()
        if not _number("share", self.share, 0, 1) > 0:
            raise NashsimError(f"share: a number in (0, 1] is needed, found {self.share!r}")

    def pay(self, attention, questions):
        """Return bonus P(enough right answers)."""
        from scipy.stats import binom

        needed = ceil(self.share * questions - 1e-9)
        return self.bonus * binom.sf(needed - 1, questions, (1 + np.asarray(attention)) / 2)


@dataclass(frozen=True)
class Consistency(Contract):
    """Pay bonus (2 agreement - 1) for questions asked twice, in swapped order, whose answers nobody needs to know.

    Two labels agree with probability 1/2 + theta^2 (2 p - 1)^2/2, so that the pay is bonus theta^2 (2 p - 1)^2 and the
    best effort 1 where bonus (2 p - 1)^2 >= labels cost/2, else 0 [derived]. Whoever always takes the first place never
    agrees, as the order is swapped, and would always agree if it were not.

    Parameters
    ----------
    bonus : float
        What is paid for full agreement, >= 0.
    clarity : float
        E (2 p - 1)^2 in (0, 1] over the questions.
    """

    clarity: float = 1.0

    def __post_init__(self):
        super().__post_init__()
        if not _number("clarity", self.clarity, 0, 1) > 0:
            raise NashsimError(f"clarity: a number in (0, 1] is needed, found {self.clarity!r}")

    def pay(self, attention, questions):
        """Return bonus theta^2 clarity."""
        return self.bonus * self.clarity * np.square(attention)


def _number(name: str, value, least: float, most: float) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not (np.isfinite(number) and least <= number <= most):
        raise NashsimError(f"{name}: a finite number from {least:g} to {most:g} is needed, found {value!r}")
    return number
