"""Three criteria that need no model, for functions of ``judge.kind: callable``: brief, faithful and plain.

Each is the logistic of a difference of scores, and so transitive alone. They pull apart: to answer in few words is to
leave out the prompt's, and to repeat these is not to say it in short ones. Which of them wins decides between two
responses, and so their mixture has cycles.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Sequence

import numpy as np

from .protocol import Comparison

#: Words of a prompt that say how to answer, and not about what.
COMMON = frozenset(re.findall(r"\w+", """
    a about after all an and any are as at be before by can could do does each for from give good had
    has have how i if in into is it its just like made make me more most my name no not of on one only
    or our out over say sentence should so some something tell than that the their them then there these
    they this to too two up us use used very was we were what when where which while who why will with
    word words would write you your
"""))  # fmt: skip


def brief(comparisons: Sequence[Comparison]) -> np.ndarray:
    """Return the preference for fewer words, e-fold in odds for every 4; a response that stops midway counts 12 more.

    Parameters
    ----------
    comparisons : sequence of Comparison
        Comparisons of texts.

    Examples
    --------
    >>> brief([Comparison("Why?", "So it is.", "So it is, and so it will be.")]).round(3)
    array([0.777])
    """
    return _compared(comparisons, lambda prompt, text: -(len(_words(text)) + 12 * (not _ended(text))) / 4)


def faithful(comparisons: Sequence[Comparison]) -> np.ndarray:
    """Return the preference for the prompt's own content words: e^2-fold in odds for each that the response has.

    Parameters
    ----------
    comparisons : sequence of Comparison
        Comparisons of texts.

    Examples
    --------
    >>> faithful([Comparison("Describe the sea.", "The sea is blue.", "It is blue.")]).round(3)
    array([0.881])
    """
    return _compared(comparisons, lambda prompt, text: 2 * len(_content(prompt) & set(_words(text))))


def plain(comparisons: Sequence[Comparison]) -> np.ndarray:
    """Return the preference for short words: 16-fold in odds for a mean word that is one letter shorter.

    Parameters
    ----------
    comparisons : sequence of Comparison
        Comparisons of texts.

    Examples
    --------
    >>> plain([Comparison("Why?", "We like it.", "Everybody appreciates it.")]).round(3)
    array([1.])
    """
    return _compared(comparisons, lambda prompt, text: -np.log(16) * _mean_length(_words(text)))


def _compared(comparisons: Sequence[Comparison], score: Callable[[Hashable, str], float]) -> np.ndarray:
    """The logistic of the difference of two scores, which may be large."""
    margins = np.array(
        [score(c.prompt, str(c.a)) - score(c.prompt, str(c.b)) for c in comparisons], dtype=np.float64
    )
    return 0.5 + 0.5 * np.tanh(margins / 2)


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+(?:['’][^\W\d_]+)*", text.lower())


def _content(prompt) -> set[str]:
    return set(_words(prompt if isinstance(prompt, str) else prompt[-1][1])) - COMMON


def _ended(text: str) -> bool:
    return text.rstrip("\"'”’)* \n").endswith((".", "!", "?"))


def _mean_length(words: list[str]) -> float:
    """Mean letters a word; of no word, those of a long one."""
    return sum(map(len, words)) / len(words) if words else 12.0
