"""Which pairs are fitted and which are held out, and what becomes of equal ones and of those that are too long."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nashsim.errors import NashsimError

from ..data.pairs import Pair
from .layout import ids_of


def split_by_prompt(pairs: Sequence[Pair], held_out: float, seed: int = 0) -> tuple[list[Pair], list[Pair]]:
    """Return training and held-out pairs; all pairs of a prompt stay on one side.

    Parameters
    ----------
    pairs : sequence of Pair
        All pairs.
    held_out : float
        Share of prompts that is held out, in [0, 1); 0 reports on the training pairs themselves.
    seed : int
        Seed of the choice of prompts.

    Raises
    ------
    NashsimError
        For a share outside its range, or prompts too few to split.
    """
    if not 0 <= held_out < 1:
        raise NashsimError(f"held_out: a share of prompts in [0, 1) is needed, found {held_out}")
    if held_out == 0:
        return list(pairs), list(pairs)
    prompts = list(dict.fromkeys(p.prompt for p in pairs))
    if len(prompts) < 2:
        raise NashsimError(
            "held_out: one prompt alone cannot be split; set 0 to report on the training pairs"
        )
    count = min(max(round(held_out * len(prompts)), 1), len(prompts) - 1)
    kept_back = {prompts[i] for i in np.random.default_rng(seed).permutation(len(prompts))[:count]}
    return [p for p in pairs if p.prompt not in kept_back], [p for p in pairs if p.prompt in kept_back]


def subset(pairs: Sequence[Pair], prompts: int, each: int = 6) -> list[Pair]:
    """Return the first few pairs of the first few prompts.

    Parameters
    ----------
    pairs : sequence of Pair
        All pairs.
    prompts, each : int
        Number of prompts, and of pairs of each.
    """
    groups: dict = {}
    for pair in pairs:
        groups.setdefault(pair.prompt, []).append(pair)
    return [pair for group in list(groups.values())[:prompts] for pair in group[:each]]


def pairs_that_fit(
    model, train: Sequence[Pair], test: Sequence[Pair], equal: str = "refuse", too_long: str = "refuse"
) -> tuple[list[Pair], list[Pair], dict[str, int]]:
    """Return training and held-out pairs as they are fitted, and how many were equal or too long.

    Parameters
    ----------
    model : PreferenceModel or RewardModel
        Model whose context the pairs must fit into.
    train, test : sequence of Pair
        Pairs to fit, and pairs held out.
    equal : {"refuse", "half", "drop"}
        Treatment of pairs whose responses are the same, or become so by cutting.
    too_long : {"refuse", "drop", "cut"}
        Treatment of pairs that the context has no room for.

    Raises
    ------
    NashsimError
        For a pair that is refused, with its row, or where none is left.
    """
    counts, made = {"equal": 0, "too long": 0}, {}
    for pair in (*train, *test):
        # Without held-out prompts a pair stands on both sides, and counts once.
        if id(pair) not in made:
            made[id(pair)] = _fitted(model, pair, equal, too_long, counts)
    parts = [[new for pair in part if (new := made[id(pair)]) is not None] for part in (train, test)]
    for name, part in zip(("training", "held-out"), parts, strict=True):
        if not part:
            raise NashsimError(
                f"pairs: none of the {name} ones is left; cut what is too long, or raise the context"
            )
    return parts[0], parts[1], counts


def _fitted(model, pair: Pair, equal: str, too_long: str, counts: dict[str, int]) -> Pair | None:
    """A pair that the context has room for, or None where it is left out."""
    layout, tokenizer = model.layout, model.tokenizer
    where = "pair" if pair.row is None else f"row {pair.row}"
    lengths = (len(ids_of(part, tokenizer)) for part in (pair.a, pair.b))
    needed = layout.length(pair.prompt, *lengths, tokenizer=tokenizer)
    if needed > layout.limit:
        counts["too long"] += 1
        if too_long == "refuse":
            raise NashsimError(
                f"{where}: {needed} tokens exceed the preference model's context of {layout.limit}; shorten it, or let"
                " too_long: drop leave it out or too_long: cut cut it"
            )
        if too_long == "drop":
            return None
        x, a, b = layout.cut(pair.prompt, pair.a, pair.b, tokenizer)
        even = a == b
        if even and equal == "refuse":
            raise NashsimError(
                f"{where}: cut to the context its responses are equal; equal: half or drop takes it"
            )
        pair = Pair(x, a, b, 0.5 if even else pair.probability, pair.row)
    if pair.a != pair.b:
        return pair
    counts["equal"] += 1
    return None if equal == "drop" else pair
