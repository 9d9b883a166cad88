"""Engines of the falsifier: climbs of a claim's score over games, policies, tau and step, by gradients or evolution.

A point is a vector of margins, logits, log tau and step, in units in which a change of one is large; the reference's
logits are of the size of payoffs/tau, and move with it. Gradients are
central differences through the compiled engine; a side that the conditions cut off costs no evaluation. Quasi-Newton
directions are tried at several lengths, and the differences grow finer where none of them gains (implicit filtering,
Kelley 2011), so that kinks stop a climb late. Where a score is the largest of many records, hence full of kinks, or
rounding, a cloud of points that moves by their ranks goes further: evolution.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..logspace import log_normalise
from .claims import Claim, Instance

#: Units of margins, logits of the reference times tau where that is below 1, logits of the start, log tau, step.
_UNITS = (0.5, 1.0, 4.0, 1.0, 0.3)
#: First and finest differences.
_COARSE, _FINE = 0.05, 1e-6
#: Coordinates of which evolution learns a full covariance, at most: those of twelve actions.
_FULL = 100
#: Share of the value below which a gain of evolution is none.
_IDLE = 0.01
#: Share of the value that so many rounds of gradients gain at least together.
_GAIN, _ROUNDS = 1e-4, 4


class Space:
    """Instances of one size as vectors.

    Parameters
    ----------
    claim : Claim
    instance : Instance
        Gives the size, and the logits that others are relative to: the largest.
    """

    def __init__(self, claim: Claim, instance: Instance):
        self.claim, n, domain = claim, instance.actions, claim.domain
        self._upper = np.triu_indices(n, 1)
        margins = len(self._upper[0])
        repeats = [margins, n - 1, n - 1, 1, 1]
        self._others = [
            np.delete(np.arange(n), int(np.argmax(log)))
            for log in (instance.log_reference, instance.log_start)
        ]
        self._cuts = np.cumsum(repeats)[:-1]
        self._unit = np.repeat(_UNITS, repeats)
        ends = [(-0.5, 0.5), *[(-domain.floor, domain.floor)] * 2, np.log(domain.tau), domain.step]
        self.low, self.high = (np.repeat([float(e[k]) for e in ends], repeats) / self._unit for k in (0, 1))

    def vector(self, instance: Instance) -> np.ndarray:
        """Return an instance as a vector."""
        logs = [
            log[others] - np.delete(log, others)
            for log, others in zip((instance.log_reference, instance.log_start), self._others, strict=True)
        ]
        logs[0] = logs[0] * min(instance.tau, 1.0)
        scalars = [np.log(instance.tau)], [instance.step]
        return self.clamp(np.concatenate([instance.skew[self._upper], *logs, *scalars]) / self._unit)

    def clamp(self, x: np.ndarray) -> np.ndarray:
        """Return a vector inside the ranges."""
        return np.clip(x, self.low, self.high)

    def instance(self, x: np.ndarray) -> Instance:
        """Return the instance of a vector, brought inside the conditions."""
        margins, reference, start, log_tau, step = np.split(self.clamp(x) * self._unit, self._cuts)
        n, tau = len(start) + 1, float(np.exp(log_tau[0]))
        skew = np.zeros((n, n))
        skew[self._upper] = margins
        logs = np.zeros((2, n))
        for log, others, given in zip(logs, self._others, (reference / min(tau, 1.0), start), strict=True):
            log[others] = given
        return self.claim.clip(Instance(skew - skew.T, *log_normalise(logs), tau=tau, step=float(step[0])))


#: From instances to their scores.
Measure = Callable[[list[Instance]], np.ndarray]


def same(one: Instance, other: Instance) -> bool:
    """Whether two instances are one point."""
    return (
        one.tau == other.tau
        and one.step == other.step
        and all(
            np.array_equal(getattr(one, name), getattr(other, name))
            for name in ("skew", "log_reference", "log_start")
        )
    )


def gradient(
    claim: Claim, start: Instance, value: float, measure: Measure, over: Callable[[], bool]
) -> tuple[Instance, float]:
    """Climb from a start by gradients until no direction gains at the finest differences, or some rounds gain little.

    Parameters
    ----------
    claim : Claim
    start : Instance
    value : float
        Its score.
    measure : callable
    over : callable
        Whether the budget is spent.

    Returns
    -------
    instance : Instance
        The best met.
    value : float
    """
    space = Space(claim, start)
    gains = [np.inf] * _ROUNDS
    x, h, radius = space.clamp(space.vector(start)), _COARSE, 1.0
    inverse, last, moved = None, None, np.zeros_like(x)
    active = np.ones(len(x), dtype=bool)
    while h >= _FINE and sum(gains[-_ROUNDS:]) > _GAIN * abs(value) and not over():
        slope, bend, best, gained = _differences(space, x, value, h, measure, active)
        if last is not None:
            inverse = _bfgs(inverse, x - last[0], last[1] - slope)
        last = x, slope
        points, lengths = _trials(space, x, slope, bend, inverse, radius, best - x, moved)
        if inverse is None:
            inverse = np.diag(1 / np.maximum(bend, 1e-3))
        found, reached = best, gained
        if len(points) and not over():
            values = measure([space.instance(point) for point in points])
            k = int(np.argmax(values))
            if values[k] > max(gained, value):
                found, reached = points[k], float(values[k])
            # the radius follows the best of the points that it made
            if lengths:
                k = int(np.argmax(values[: len(lengths)]))
                radius = float(np.clip(lengths[k] if values[k] > value else min(lengths) / 4, h, 20.0))
        gain = reached - value
        gains.append(gain)
        if gain > 0:
            x, value, moved = found, reached, found - x
        if gain <= 1e-3 * h * abs(value):
            h, radius = h / 5, max(radius, h)
            inverse, last = None, None
    return space.instance(x), value


def _trials(space: Space, x, slope, bend, inverse, radius: float, beside, moved) -> tuple[list, list]:
    """Return the points to try, and of the first of them the radius that made them.

    They are Newton steps by coordinate, quasi-Newton steps, the best coordinate alone and the last move, further on.
    """
    free = ~(((x <= space.low) & (slope < 0)) | ((x >= space.high) & (slope > 0))) & (slope != 0)
    moves, lengths = [], []
    if free.any():
        newton = np.where(free, slope, 0.0) / np.maximum(bend, 1e-12)
        quasi = np.zeros_like(x)
        if inverse is not None:
            quasi[free] = inverse[np.ix_(free, free)] @ slope[free]
        for share in (8.0, 2.0, 0.5, 0.1):
            length = share * radius
            moves.append(np.clip(newton, -length, length))
            lengths.append(length)
        if quasi @ slope > 0:
            for share in (4.0, 1.0, 0.25):
                moves.append(quasi * (share * radius / np.abs(quasi).max()))
                lengths.append(share * radius)
    moves += [factor * move for factor, move in ((10, beside), (100, beside), (3, moved)) if np.any(move)]
    points = [space.clamp(x + move) for move in moves]
    return points, lengths


def _differences(space: Space, x: np.ndarray, value: float, h: float, measure: Measure, active: np.ndarray):
    """Return slope and |curvature| at x, the best point beside it and its value; what has no effect is noted."""
    base = space.instance(x)
    points, places = [], []
    for i in np.flatnonzero(active):
        met = False
        for sign in (1, -1):
            y = x.copy()
            y[i] = np.clip(x[i] + sign * h, space.low[i], space.high[i])
            if y[i] == x[i]:
                continue
            instance = space.instance(y)
            if not same(instance, base):
                points.append((y, instance))
                places.append(i)
                met = True
        active[i] = met
    slope, bend = np.zeros(len(x)), np.zeros(len(x))
    if not points:
        return slope, bend, x, value
    values = measure([instance for _, instance in points])
    sides: dict[int, list] = {}
    for (y, _), i, v in zip(points, places, np.where(np.isfinite(values), values, value), strict=True):
        sides.setdefault(int(i), []).append((y[i], float(v)))
    for i, met in sides.items():
        if len(met) == 2:
            (a, fa), (b, fb) = met
            bend[i] = abs(fa + fb - 2 * value) / (0.25 * (a - b) ** 2)
        else:
            (a, fa), (b, fb) = *met, (x[i], value)
        slope[i] = (fa - fb) / (a - b)
        if all(v == value for _, v in met):
            active[i] = False
    k = int(np.argmax(values))
    return slope, bend, points[k][0], float(values[k])


def _bfgs(inverse: np.ndarray, step: np.ndarray, change: np.ndarray) -> np.ndarray:
    """Return the BFGS update of an inverse curvature, as it was where the curvature met is not positive."""
    product = step @ change
    if product <= 1e-10 * np.linalg.norm(step) * np.linalg.norm(change):
        return inverse
    left = np.eye(len(step)) - np.outer(step, change) / product
    return left @ inverse @ left.T + np.outer(step, step) / product


def sweep(
    claim: Claim, start: Instance, value: float, measure: Measure, over: Callable[[], bool]
) -> tuple[Instance, float]:
    """Climb by long moves, of tau and step together and of every other part alone, until they gain less than a tenth.

    Where a draw lies far out, small moves stay there. Tau and step go to values spread over their ranges, policies to
    a quarter of their logits or none, the start to the reference, margins to a third or to sure preferences.

    Parameters
    ----------
    claim : Claim
    start : Instance
    value : float
        Its score.
    measure : callable
    over : callable
        Whether the budget is spent.

    Returns
    -------
    instance : Instance
        The best met.
    value : float
    """
    taus, steps = np.geomspace(*claim.domain.tau, 5), claim.domain.step
    gained = True
    while gained and not over():
        before = value
        for scalars in (True, False):
            if scalars:
                moved = [
                    {"tau": float(tau), "step": s} for s in (*steps, start.step) for tau in (start.tau, *taus)
                ]
            else:
                moved = [
                    *({"log_reference": log_normalise(share * start.log_reference)} for share in (0.0, 0.25)),
                    *({"log_start": log_normalise(share * start.log_start)} for share in (0.0, 0.25)),
                    {"log_start": start.log_reference},
                    *({"skew": skew} for skew in (start.skew / 3, 0.5 * np.sign(start.skew))),
                ]
            points = [start]
            for change in moved:
                point = claim.clip(start.replace(**change))
                if not any(same(point, other) for other in points):
                    points.append(point)
            values = np.array([value, *measure(points[1:])])
            k = int(np.argmax(values))
            start, value = points[k], float(values[k])
        gained = value > before + 0.1 * abs(before)
    return start, value


def evolution(
    claim: Claim,
    start: Instance,
    value: float,
    measure: Measure,
    over: Callable[[], bool],
    rng: np.random.Generator,
    patience: int | None = None,
) -> tuple[Instance, float]:
    """Climb by CMA-ES (Hansen 2016, arXiv 1604.00772; the package ``cma``) until some generations gain little.

    A point outside the ranges has the score of the nearest one inside.

    Parameters
    ----------
    claim : Claim
    start : Instance
    value : float
        Its score.
    measure : callable
    over : callable
        Whether the budget is spent.
    rng : numpy.random.Generator
    patience : int or None
        Generations that gain less than a hundredth, after which it stops; None where it stops by itself, and learns
        the covariance of any number of coordinates. Of many it is otherwise kept diagonal, and learnt faster (Ros and
        Hansen 2008): its axes would cost more than the scores.

    Returns
    -------
    instance : Instance
        The best met.
    value : float
    """
    from cma import CMAEvolutionStrategy

    space = Space(claim, start)
    mean, idle = space.vector(start), 0
    options = {
        "seed": np.nan,  # numpy's global stream is left alone
        "randn": lambda *shape: rng.standard_normal(shape),
        "CMA_diagonal": patience is not None and len(mean) > _FULL,
        "verbose": -9,
        "verb_log": 0,
    }
    strategy = CMAEvolutionStrategy(mean, 0.3, options)
    while (patience is None or idle < patience) and not over() and not strategy.stop():
        points = strategy.ask()
        instances = [space.instance(point) for point in points]
        values = measure(instances)
        strategy.tell(points, list(np.clip(-values, -1e30, 1e30)))
        k = int(np.argmax(values))
        idle = 0 if values[k] > value + _IDLE * abs(value) else idle + 1
        if values[k] >= value:
            start, value = instances[k], float(values[k])
    return start, value
