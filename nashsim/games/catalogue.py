"""Every game of the catalogue: its builder, its source and its known answers."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from ..game import PreferenceGame
from ..logspace import log_normalise
from . import annotators, cyclic, hard, papers, random, tables
from .entry import Entry


def _uniform(game: PreferenceGame) -> dict[str, float]:
    return dict.fromkeys(game.labels, 1 / game.actions)


def _two_arms(game: PreferenceGame) -> dict[str, float]:
    """Two actions: P(c ≻ pi) - P(b ≻ pi) = P(c ≻ b) - 1/2 whatever pi is, so pi* is logistic."""
    edge = game.preference.dense()[0, :, 0]
    policy = np.exp(log_normalise(game.log_reference[0] + edge / game.require_tau()))
    return dict(zip(game.labels, policy.tolist(), strict=True))


def _thirds(*labels: str) -> dict[str, Fraction]:
    return dict.fromkeys(labels, Fraction(1, 3))


def _cycle(
    labels, first: tuple[int, int], second: tuple[int, int], third: tuple[int, int]
) -> dict[str, Fraction]:
    """Return the lottery of a cycle 0 ≻ 1 ≻ 2 ≻ 0 from its win counts: each margin weighs the action it leaves out."""
    margins = [Fraction(w, w + l) - Fraction(1, 2) for w, l in (second, third, first)]
    return {label: margin / sum(margins) for label, margin in zip(labels, margins, strict=True)}


_NLHF = "NLHF, arXiv 2312.00886"
_RPS = ("rock", "paper", "scissors")
_SURE = Fraction(1)
_ANY_TAU = "uniform at every tau for a uniform reference"

ENTRIES: tuple[Entry, ...] = (
    Entry("rps", cyclic.rps, "folklore; uniform by symmetry [derived]", _thirds(*_RPS), _ANY_TAU, _uniform),
    Entry(
        "biased-rps",
        cyclic.biased_rps,
        "OpenSpiel's biased rock-paper-scissors [recalled]; lottery [derived]",
        dict(zip(_RPS, (Fraction(1, 16), Fraction(5, 8), Fraction(5, 16)), strict=True)),
    ),
    Entry(
        "dice",
        papers.dice,
        f"{_NLHF} [paper]",
        _thirds("2-4-9", "1-6-8", "3-5-7"),
        f"each beats the next with 5/9; {_ANY_TAU}",
        _uniform,
    ),
    Entry(
        "three-humans",
        papers.three_humans,
        f"{_NLHF} [paper]",
        _thirds("y1", "y2", "y3"),
        f"each beats the next with 2/3; {_ANY_TAU}",
        _uniform,
    ),
    Entry(
        "p-eps",
        papers.p_eps,
        f"{_NLHF} [paper]",
        {"y1": Fraction(23, 60), "y2": Fraction(23, 60), "y3": Fraction(7, 30)},
        "in general (1/3 + eps/2, 1/3 + eps/2, 1/3 - eps); reward maximisation picks y1 for any eps > 0",
    ),
    Entry(
        "reward-preference",
        papers.reward_preference,
        f"{_NLHF} [paper]",
        {"y2": _SURE},
        "with pi(y1) = 2 pi(y2): reward optimum (2/3, 1/3, 0), preference optimum y3, preferred with 50/99",
    ),
    Entry(
        "comal",
        papers.comal,
        "COMAL, arXiv 2410.23223 [paper]",
        {"a": Fraction(4, 11), "b": Fraction(3, 11), "c": Fraction(4, 11)},
    ),
    Entry(
        "condorcet-annotators",
        annotators.condorcet_annotators,
        "Condorcet's paradox (1785) with Bradley-Terry annotators [derived]",
        _thirds("a", "b", "c"),
        _ANY_TAU,
        _uniform,
    ),
    Entry(
        "two-opinions",
        annotators.two_opinions,
        "a crowd whose choices hide the strength of a minority [derived]",
        {"a": _SURE},
        "mean utilities 0.2, 0 and -0.2 of b, c and a; annotators with response times",
    ),
    Entry("annotators", annotators.random_annotators, "random family"),
    Entry("uniform", random.uniform, "EGPO's simulations, arXiv 2503.08942 [code]"),
    Entry(
        "sign",
        random.sign,
        "random family; uniqueness: Laffond, Laslier and Le Breton 1993 [recalled]",
        known="a unique lottery for every seed",
    ),
    Entry("sparse", random.sparse, "random family"),
    Entry(
        "dial",
        random.dial,
        "random family [derived]",
        known=f"dial 0 is Bradley-Terry; dial 1 has cyclic mass 1 and is {_ANY_TAU}",
    ),
    Entry("low-rank", random.low_rank, "random family"),
    Entry(
        "hard-a",
        hard.hard_a,
        "this project [derived]",
        _thirds("a", "b", "c"),
        f"{_ANY_TAU}; with c_beats_b=0 the Condorcet winner is b",
        _uniform,
    ),
    Entry(
        "hard-b",
        hard.hard_b,
        "this project [derived]",
        {"c": _SURE},
        "pi*(c)/pi*(b) = mu(c)/mu(b) exp(1/(2 tau))",
        _two_arms,
    ),
    Entry("hard-c", hard.hard_c, "this project [derived]", {"c": _SURE}),
    Entry(
        "tldr", tables.tldr, f"{_NLHF}, Table 1 [paper]", {"MD1": _SURE}, "SFT loses to all; cyclic mass .026"
    ),
    Entry(
        "glasgow",
        tables.glasgow,
        "PrefLib 00008-00000009, counted from its ballots [derived]",
        _cycle(("Dornan", "Flanagan", "Hunter"), (2992, 2390), (3654, 3568), (3578, 3557)),
    ),
    Entry(
        "minneapolis",
        tables.minneapolis,
        "Minneapolis ward 2, 2021, counted from the city's ballot records [derived]",
        _cycle(("Worlobah", "Arab", "Gordon"), (4056, 4037), (4324, 4099), (3708, 3635)),
    ),
)


def entries() -> tuple[Entry, ...]:
    """Return the catalogue.

    Examples
    --------
    >>> [entry.name for entry in entries() if entry.condorcet_winner]
    ['reward-preference', 'two-opinions', 'hard-b', 'hard-c', 'tldr']
    """
    return ENTRIES


def names() -> tuple[str, ...]:
    """Return the names of the catalogue.

    Examples
    --------
    >>> names()[:3]
    ('rps', 'biased-rps', 'dice')
    """
    return tuple(entry.name for entry in ENTRIES)
