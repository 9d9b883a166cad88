"""Small figures as inline SVG: lines and histograms on logarithmic axes, coloured by the page that holds them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

import numpy as np

WIDTH, HEIGHT = 460, 250
LEFT, RIGHT, TOP, BOTTOM = 64, 14, 26, 40


_LOWERED = re.compile(r"_(?:\{([^}]*)\}|(I,t|[A-Za-z]+|[α-ω∞]['′]?|\d+))")
_RAISED = re.compile(r"\^(?:\{([^}]*)\}|([A-Za-z0-9α-ω]+))")


def set_scripts(text: str, lowered: str, raised: str) -> str:
    """Return a text with ``_x``, ``_{...}``, ``^x`` and ``^{...}`` in markup of the caller's, all else escaped.

    Parameters
    ----------
    text : str
        Statement as claims write it.
    lowered, raised : str
        Markup of a lower and an upper index, with ``{}`` where it stands.

    Examples
    --------
    >>> set_scripts("KL_0 < ρ^{t+1}", "[{}]", "({})")
    'KL[0] &lt; ρ(t+1)'
    """
    text = _LOWERED.sub(lambda m: lowered.format(m[1] or m[2]), escape(text, quote=False))
    return _RAISED.sub(lambda m: raised.format(m[1] or m[2]), text)


def _label(text: str) -> str:
    """A label of an axis with its indices; what follows one goes back to the line."""
    script = '<tspan dy="{0}" font-size="8.5">{{}}</tspan><tspan dy="{1}">\u200b</tspan>'
    return set_scripts(text, script.format(3, -3), script.format(-4, 4))


class Axis:
    """A linear or logarithmic map from data to pixels, with ticks.

    Parameters
    ----------
    low, high : float
        Ends of the data; for a logarithmic axis > 0.
    start, stop : float
        Ends in pixels.
    log : bool
    whole : bool
        Whether the data are whole numbers, so that ticks are.
    """

    def __init__(self, low: float, high: float, start: float, stop: float, log: bool, whole: bool = False):
        self.log, self.start, self.stop, self.whole = log, start, stop, whole
        ends = np.log10([low, high]) if log else np.array([low, high], dtype=float)
        if ends[1] - ends[0] < 1e-12:
            ends += (-0.5, 0.5)
        self.low, self.high = ends

    def __call__(self, values) -> np.ndarray:
        values = np.log10(values) if self.log else np.asarray(values, dtype=float)
        return self.start + (values - self.low) / (self.high - self.low) * (self.stop - self.start)

    def ticks(self) -> list[tuple[float, str]]:
        """Return values and their labels: powers of ten, or round numbers."""
        if self.log and self.high - self.low >= 1:
            step = max(1, int(np.ceil((self.high - self.low) / 6)))
            powers = np.arange(np.ceil(self.low), self.high + 1e-9, step)
            return [(10.0**p, f"1e{p:.0f}" if abs(p) > 3 else f"{10.0**p:g}") for p in powers]
        if self.whole:
            least = self.high / 4
            power = 10 ** int(np.floor(np.log10(max(least, 1))))
            step = next(round_ * power for round_ in (1, 2, 5, 10) if round_ * power >= least)
            return [(float(v), str(v)) for v in range(0, int(self.high) + 1, step)]
        values = np.linspace(self.low, self.high, 5)
        return [(v, f"{v:.3g}") for v in (10.0**values if self.log else values)]


def line_figure(x, curves: Sequence[tuple[str, str, np.ndarray]], x_label: str, y_label: str) -> str:
    """Return a figure of curves over a common x, both axes logarithmic where the data allow it; zeros lie at the foot.

    Parameters
    ----------
    x : array_like, shape (records,)
    curves : sequence of (name, class, values)
        The class names the colour in the page's style.
    x_label, y_label : str

    Returns
    -------
    str
        An ``<svg>`` element.
    """
    x = np.asarray(x, dtype=float)
    finite = np.concatenate([v[np.isfinite(v) & (v > 0)] for _, _, v in curves] + [np.empty(0)])
    if not finite.size:
        return '<p class="quiet">Nothing but exact zeros was measured.</p>'
    low = max(finite.min(), finite.max() * 1e-30)
    horizontal = Axis(
        x.min(), x.max(), LEFT, WIDTH - RIGHT, log=bool(x.min() > 0 and x.max() >= 20 * x.min())
    )
    vertical = Axis(low, finite.max(), HEIGHT - BOTTOM, TOP, log=True)
    parts, foot = [_frame(horizontal, vertical, x_label, y_label)], False
    for k, (name, css, values) in enumerate(curves):
        shown, zero = np.isfinite(values) & (values >= low), values == 0
        parts.append(_curve(horizontal(x[shown]), vertical(values[shown]), css))
        parts += [
            f'<circle class="{css}" cx="{at:.1f}" cy="{HEIGHT - BOTTOM}" r="2.5"/>'
            for at in horizontal(x[zero])
        ]
        foot |= bool(zero.any())
        parts.append(
            f'<text class="{css}" x="{WIDTH - RIGHT - 70 * (len(curves) - 1 - k)}" y="14" text-anchor="end">'
            f"{escape(name)}</text>"
        )
    if foot:
        parts.append(
            f'<text class="tick" x="{LEFT + 4}" y="{HEIGHT - BOTTOM - 6}">dots at the foot: exact zeros</text>'
        )
    return _svg(parts, f"{y_label} over {x_label}")


def histogram(values, x_label: str, mark: float = 1.0) -> str:
    """Return a histogram of positive numbers on a logarithmic axis, with a mark.

    Parameters
    ----------
    values : array_like
        Zeros have a bar of their own, left of the axis; infinities are shown at ten times the mark.
    x_label : str
    mark : float
        Place of a vertical line.

    Returns
    -------
    str
        An ``<svg>`` element.
    """
    values = np.minimum(np.asarray(values, dtype=float), 10 * mark)
    positive = values[values > 0]
    zeros = len(values) - len(positive)
    low = max(positive.min(), 1e-12) if positive.size else mark / 10
    edges = np.geomspace(min(low, mark / 3), 1.02 * max(values.max(), mark), 31)
    counts, _ = np.histogram(np.clip(positive, edges[0], edges[-1]), edges)
    horizontal = Axis(edges[0], edges[-1], LEFT + (34 if zeros else 0), WIDTH - RIGHT, log=True)
    vertical = Axis(0, max(counts.max(), zeros, 1), HEIGHT - BOTTOM, TOP, log=False, whole=True)
    parts = [_frame(horizontal, vertical, x_label, "games")]
    x, base = horizontal(edges), HEIGHT - BOTTOM
    bars = [(x[k], max(x[k + 1] - x[k] - 1, 1), count) for k, count in enumerate(counts) if count]
    if zeros:
        bars.append((LEFT + 4.0, 16.0, zeros))
        parts.append(f'<text class="tick" x="{LEFT + 12}" y="{base + 16}" text-anchor="middle">0</text>')
    for left, width, count in bars:
        y = float(vertical(count))
        parts.append(
            f'<rect class="measured" x="{left:.1f}" y="{y:.1f}" width="{width:.1f}" height="{base - y:.1f}">'
            f"<title>{count} games</title></rect>"
        )
    at = float(horizontal(mark))
    parts.append(f'<line class="bound" x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{base}"/>')
    return _svg(parts, f"Histogram of {x_label}")


def _svg(parts: list[str], title: str) -> str:
    body = "".join(parts)
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img"><title>{escape(title)}</title>{body}</svg>'


def _curve(x: np.ndarray, y: np.ndarray, css: str) -> str:
    if len(x) == 1:
        return f'<circle class="{css}" cx="{x[0]:.1f}" cy="{y[0]:.1f}" r="4"/>'
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    return f'<polyline class="{css}" points="{points}"/>'


def _frame(horizontal: Axis, vertical: Axis, x_label: str, y_label: str) -> str:
    base = HEIGHT - BOTTOM
    parts = [f'<path class="axis" d="M{LEFT},{TOP}V{base}H{WIDTH - RIGHT}"/>']
    for value, text in horizontal.ticks():
        at = float(horizontal(value))
        parts.append(f'<text class="tick" x="{at:.1f}" y="{base + 16}" text-anchor="middle">{text}</text>')
    for value, text in vertical.ticks():
        at = float(vertical(value))
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>')
        parts.append(f'<text class="tick" x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{text}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 6}" text-anchor="middle">{_label(x_label)}</text>')
    parts.append(
        f'<text transform="translate(13 {(TOP + base) / 2}) rotate(-90)" text-anchor="middle">{_label(y_label)}</text>'
    )
    return "".join(parts)
