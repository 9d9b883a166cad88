"""The Stackelberg game: a leader whose response the follower sees before answering."""

from __future__ import annotations

import numpy as np

from ..logspace import log_normalise
from .concept import Concept, Table


def _follower(table: Table) -> np.ndarray:
    """Return omega(y' | y) with y the row."""
    return np.exp(log_normalise(table.log_reference - table.wins / table.tau_follower))


def _leader(table: Table) -> np.ndarray:
    logits = table.log_reference - table.wins / table.tau_follower
    top = logits.max(axis=1, keepdims=True)
    value = -table.tau_follower * (top[:, 0] + np.log(np.exp(logits - top).sum(axis=1)))
    return np.exp(log_normalise(table.log_reference + value / table.tau_leader))


class Leader(Concept):
    """The leader of the KL-regularised Stackelberg game, who is answered by the best follower."""

    name = "stackelberg"
    definition = (
        "leader ∝ mu exp(v/tau_L), v(y) = -tau_F log E_(y'~mu) exp(-P(y ≻ y')/tau_F);"
        " follower(y'|y) ∝ mu(y') exp(-P(y ≻ y')/tau_F)"
    )
    source = "Stackelberg learning from human feedback, arXiv 2512.16626 [inferred]"

    def policy(self, table):
        """Return the leader's policy."""
        return _leader(table), ""


class Follower(Concept):
    """What the follower plays on average over the leader's responses."""

    name = "stackelberg-follower"
    definition = "sum_y leader(y) follower(.|y)"
    source = Leader.source

    def policy(self, table):
        """Return the follower's answers averaged over the leader."""
        return _leader(table) @ _follower(table), ""
