"""What the figures of regret share: the learners compared, the axis, and curves out of tidy frames."""

from __future__ import annotations

import numpy as np
import pandas as pd

from nashsim.plots import REGRET as AXES

#: The learners that most figures of regret compare.
LEARNERS = ("inpo-online", "enpo", "enpo-oracle", "minimax-reference", "minimax-adversary")
#: What every axis of regret measures.
REGRET = AXES["regret"]


def curves(frame, x: str = "rounds") -> tuple[np.ndarray, np.ndarray]:
    """``x`` and the values, shape (seeds, records), of the rows of one metric and one learner."""
    table = frame.pivot(index="seed", columns=x, values="value")
    return table.columns.to_numpy(float), table.to_numpy()


def thinned(frame, step: int = 4):
    """The frame with every ``step``-th record of a learner's curves and its last, so that tables stay small."""
    kept = []
    for _, mine in frame.groupby("learner", sort=False):
        rounds = np.unique(mine.rounds)[::-1][::step]
        kept.append(mine[mine.rounds.isin(rounds)])
    return pd.concat(kept, ignore_index=True)
