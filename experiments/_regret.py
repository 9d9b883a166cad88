"""What the figures of regret share: a line for every learner, and curves out of tidy frames."""

from __future__ import annotations

import numpy as np
import pandas as pd

from nashsim.plots import PALETTE
from nashsim.theory import mean_band

#: Colour, dashes and printed name of every learner, the same in all figures of regret.
LEARNERS = {
    "inpo-online": ("orange", "solid", "INPO, online"),
    "enpo": ("green", (0, (4, 2)), "ENPO with Step B"),
    "enpo-oracle": ("blue", "solid", "ENPO with the oracle"),
    "minimax-reference": ("vermilion", (0, (4, 2)), "minimax, opponent μ"),
    "minimax-adversary": ("purple", "solid", "minimax, adversary"),
}
#: What every axis of regret measures.
REGRET = "Σ τ KL(π_t ‖ BR(π_t))  [cumulative]"


def learner_line(name: str) -> dict:
    """Keyword arguments of ``plot`` for a learner's curve."""
    colour, dashes, label = LEARNERS[name]
    return {"color": PALETTE[colour], "linestyle": dashes, "label": label}


def curves(frame, x: str = "rounds") -> tuple[np.ndarray, np.ndarray]:
    """``x`` and the values, shape (seeds, records), of the rows of one metric and one learner."""
    table = frame.pivot(index="seed", columns=x, values="value")
    return table.columns.to_numpy(float), table.to_numpy()


def mean_line(axes, frame, x: str = "rounds", **line) -> None:
    """Draw the mean over seeds with the 95% band of that mean by Student's t."""
    at, values = curves(frame, x)
    mean, low, high = mean_band(values, least=0)
    axes.plot(at, mean, **line)
    axes.fill_between(at, low, high, color=line.get("color"), alpha=0.18, linewidth=0)


def thinned(frame, step: int = 4):
    """The frame with every ``step``-th record of a learner's curves and its last, so that tables stay small."""
    kept = []
    for _, mine in frame.groupby("learner", sort=False):
        rounds = np.unique(mine.rounds)[::-1][::step]
        kept.append(mine[mine.rounds.isin(rounds)])
    return pd.concat(kept, ignore_index=True)
