"""Multiplayer Nash Preference Optimization, arXiv 2509.23102: the average against past players."""

from __future__ import annotations

import numpy as np

from ...rules import MNPO
from ..fits import fit_rows
from .domain import Domain
from .instance import Stack
from .language import Claim, Control, Evidence
from .rule_claims import Mutated, flipped
from .spo_onpo import average_gaps
from .structures import decisive

_HORIZONS = np.unique(np.geomspace(256, 65536, 16).round().astype(int))


def _mnpo(actions: int, share: float):
    """Return MNPO of three players for T steps: eta = share sqrt(log n/T)."""
    return lambda horizon: MNPO(step=share * np.sqrt(np.log(actions) / horizon))


def _average(stack: Stack, algorithm) -> Evidence:
    """The gap at T or any later one, whichever is larger: averages of a cycle pass near its centre now and then."""
    gaps = average_gaps(stack, algorithm(stack.actions, stack.step), _HORIZONS)
    gaps = np.maximum.accumulate(gaps[:, ::-1], axis=1)[:, ::-1]
    fits = fit_rows(_HORIZONS.astype(float), gaps, 0.5, laws=["power"], floor=1e-12)
    return Evidence(_HORIZONS, gaps, gaps[:, :1] * np.sqrt(_HORIZONS[0] / _HORIZONS), fits=fits, x_label="T")


CLAIMS = (
    Claim(
        id="mnpo-average",
        statement="DualGap(average of T iterates) = O(1/√T)",
        source="MNPO, arXiv 2509.23102",
        tag="paper",
        kind="rate",
        conditions="three players, η of order 1/√T, from the uniform policy, margins ≥ 1/4",
        quantity="unregularised DualGap of the average",
        predicted="T^{−1/2} or faster",
        measure=_average,
        algorithm=_mnpo,
        control=Control(
            "sign of the payoff flipped", lambda n, share: lambda t: Mutated(_mnpo(n, share)(t), flipped)
        ),
        domain=Domain(actions=(2, 8), start="uniform", tau=(0.1, 0.1), step=(2.0, 4.0), structure=decisive),
        rules=("mnpo",),
    ),
)
