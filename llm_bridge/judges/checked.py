"""What stands between a judge that may fail and a loss that must not: checks, retries, both orders, a cache."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from traceback import extract_tb

import numpy as np

from nashsim.errors import NashsimError

from .protocol import Comparison


def check_probabilities(values, count: int) -> np.ndarray:
    """Return a judge's answer as float64, shape (count,).

    Parameters
    ----------
    values : array_like
        Answer of the judge.
    count : int
        Number of comparisons that it was asked for.

    Raises
    ------
    NashsimError
        For a wrong length, NaN, or anything outside [0, 1].

    Examples
    --------
    >>> check_probabilities([0.25, 1], 2)
    array([0.25, 1.  ])
    """
    try:
        found = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise NashsimError(f"judge: {count} probabilities are needed, found {values!r}") from None
    if found.shape != (count,):
        raise NashsimError(f"judge: one probability a comparison, shape ({count},), found {found.shape}")
    bad = ~((found >= 0) & (found <= 1))
    if bad.any():
        at = int(bad.argmax())
        raise NashsimError(
            f"judge: P(a ≻ b) must lie in [0, 1], found {found[at]} for comparison {at} of {count}"
        )
    return found


class CallableJudge:
    """A judge from any function: both orders averaged, answers cached, failures retried a bounded number of times.

    P(a ≻ b) = [f(a, b) + 1 - f(b, a)]/2, so that P(a ≻ b) + P(b ≻ a) = 1 even for a function that favours
    the response it reads first. Equal responses count exactly 1/2 and are never asked.

    Parameters
    ----------
    function : callable
        Function ``function(comparisons)`` of one probability that ``a`` is preferred for each: a list of ``Comparison``
        with ``prompt`` (text, or turns as (role, content) pairs), ``a``, ``b`` and ``metadata``, the other columns of
        the prompt's row as a mapping, or None.
    both_orders : bool
        Whether to ask both orders. If not, P(b ≻ a) is what the function says of that order.
    retries : int
        Further attempts after an exception or an answer outside the contract, >= 0.
    cache : int
        Number of answers to keep, the latest used ones; 0 keeps none (for a judge that draws its answers at random).

    Attributes
    ----------
    asked : int
        Number of comparisons put to the function so far, both orders and retries counted.

    Raises
    ------
    NashsimError
        When the last attempt fails too; the message has the error's type and its place in the function's file.

    Examples
    --------
    >>> judge = CallableJudge(lambda batch: [0.9 for _ in batch])  # always prefers the first
    >>> judge([Comparison("q", "yes", "no")])
    array([0.5])
    """

    def __init__(
        self, function: Callable, *, both_orders: bool = True, retries: int = 2, cache: int = 100_000
    ):
        if retries < 0 or cache < 0:
            raise NashsimError(f"retries, cache: whole numbers >= 0 are needed, found {retries} and {cache}")
        self.function, self.both_orders, self.retries, self.cache = function, both_orders, retries, cache
        self.asked = 0
        self._known: OrderedDict[tuple, float] = OrderedDict()

    def __call__(self, comparisons: Sequence[Comparison]) -> np.ndarray:
        """Return P(a ≻ b) for every comparison, shape (batch,)."""
        comparisons = list(comparisons)
        fresh: dict[tuple, Comparison] = {}
        for comparison in comparisons:
            key = _key(comparison)
            if comparison.a != comparison.b and key not in self._known:
                fresh.setdefault(key, comparison)
                if self.both_orders:
                    fresh.setdefault(_key(comparison.swapped()), comparison.swapped())
        answers = dict(zip(fresh, self._ask(list(fresh.values())), strict=True))
        if self.both_orders:
            answers = {
                (x, a, b, known): (p + 1 - answers[x, b, a, known]) / 2
                for (x, a, b, known), p in answers.items()
            }
        # Read the cache before it drops anything to make room for the new answers.
        values = [self._look_up(_key(comparison), answers) for comparison in comparisons]
        self._keep(answers)
        return np.array(values, dtype=np.float64)

    def _look_up(self, key: tuple, answers: dict) -> float:
        if key[1] == key[2]:
            return 0.5
        if key in answers:
            return answers[key]
        self._known.move_to_end(key)
        return self._known[key]

    def _keep(self, answers: dict) -> None:
        if self.cache:
            self._known.update(answers)
            while len(self._known) > self.cache:
                self._known.popitem(last=False)

    def _ask(self, comparisons: list[Comparison]) -> np.ndarray:
        if not comparisons:
            return np.empty(0)
        for attempt in range(self.retries + 1):
            self.asked += len(comparisons)
            try:
                return check_probabilities(self.function(comparisons), len(comparisons))
            except Exception as error:
                if attempt == self.retries:
                    if not attempt and isinstance(error, NashsimError):
                        raise
                    raise NashsimError(
                        f"judge: gave up after {attempt + 1} attempts; the last: {_told(error)}"
                    ) from error
        raise AssertionError("unreachable")


def _key(comparison: Comparison) -> tuple:
    """What an answer is a function of; the facts of a row by their text, since they need not be hashable."""
    return *comparison[:3], None if comparison.metadata is None else repr(comparison.metadata)


def _told(error: Exception) -> str:
    """What went wrong, and for an error of the judge's own its type and its place in the judge's code."""
    if isinstance(error, NashsimError):
        return str(error)
    frames = extract_tb(error.__traceback__)[1:]
    own = [frame for frame in frames if frame.filename == frames[0].filename]
    place = f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""
    said = " ".join(str(error).split())
    return f"{type(error).__name__}{f': {said}' if said else ''}{place}"
