"""A table as the vector kernels read it: sparse mixtures, steps in base 2, one code for what a stage does."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..rules import Rule
from .codes import PURE
from .table import StepTable, tabulate


class Program(NamedTuple):
    """The mirror steps of iterations t0..t1 with one row each, or one for all.

    Attributes
    ----------
    kind, into : ndarray of int, shape (stages,)
        What the stage asks, ``MIX``, ``PURE``, ``GEOMETRIC`` or ``ARITHMETIC``, and the slot it writes.
    base_count, opponent_count : ndarray of int, shape (stages,)
        How many slots are mixed.
    base_slot, opponent_slot : ndarray of int, shape (stages, slots)
        Which, in front.
    base_weight, opponent_weight : ndarray, shape (rows, stages, slots)
        Their weights, in the same places.
    eta : ndarray, shape (rows, stages)
        Forward steps for logits to base 2.
    stride : int
        Rows from one iteration to the next: 0 or 1.
    counted, played : int
        Before the stage ``counted`` the policy of the slot ``played`` enters the average.
    """

    kind: np.ndarray
    into: np.ndarray
    base_count: np.ndarray
    base_slot: np.ndarray
    base_weight: np.ndarray
    opponent_count: np.ndarray
    opponent_slot: np.ndarray
    opponent_weight: np.ndarray
    eta: np.ndarray
    stride: int
    counted: int
    played: int


def program(table: StepTable) -> Program:
    """Return the table for the vector kernels.

    Parameters
    ----------
    table : StepTable
        Table of a rule of mirror steps only.
    """
    still = all(len(array) == 1 or array.strides[0] == 0 for array in (table.base, table.opponent, table.eta))
    rows = slice(0, 1) if still else slice(None)
    base = _sparse(table.base[rows])
    opponent = _sparse(table.opponent[rows])
    return Program(
        _questions(table.query, *opponent),
        np.ascontiguousarray(table.into, dtype=np.int64),
        *base,
        *opponent,
        np.ascontiguousarray(table.eta[rows] * np.log2(np.e)),
        0 if still else 1,
        int(np.flatnonzero(table.query)[-1]),
        int(table.played),
    )


def stationary_program(rule: Rule, tau: float) -> Program:
    """Return the program of a rule that is the same at every iteration; the rule keeps the last one asked of it."""
    kept = vars(rule).get("_program")  # as a cached_property would be, of one tau
    if kept is None or kept[0] != tau:
        kept = vars(rule)["_program"] = (tau, program(tabulate(rule, tau, 0, 1)))
    return kept[1]


def _sparse(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return count, slot and weight of the slots that some row mixes, shape (rows, stages, slots) of weights."""
    used = (weights != 0).any(axis=0)
    slot = np.argsort(~used, axis=1, kind="stable")
    packed = weights[:, np.arange(len(slot))[:, None], slot]
    return used.sum(axis=1), slot, np.ascontiguousarray(packed)


def _questions(query: np.ndarray, count: np.ndarray, slot: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return what every stage asks, with mixtures of one policy told from others."""
    alone = (count == 1) & (weight[:, :, 0] == 1).all(axis=0)
    return np.where(alone, PURE, query)
