"""What the charts of the page share.

Axes, grids and text take their colours from the page's style sheet, so that one chart serves light and dark; what the
style sheet cannot reach (curves, cells) has colours that stand on both.
"""

from __future__ import annotations

from html import escape

import numpy as np
from bokeh.models import Div, FixedTicker
from bokeh.plotting import figure

from ...plots import PALETTE

MIDDLE = "#8a8f98"
#: Black and grey of the palette would vanish on one of the two grounds, blue nearly so.
_ON_BOTH = {PALETTE["black"]: MIDDLE, PALETTE["grey"]: MIDDLE, PALETTE["blue"]: "#2b8cd0"}
COLOURS = [_ON_BOTH.get(colour, colour) for colour in PALETTE.values()]
#: More labels than these are told by the pointer alone.
_MOST_LABELS = 40
#: Values below this are rounding, and left out of logarithmic axes.
FLOOR = 1e-17
_LINES = ("solid", "dashed", "dotted")


def new_figure(**options):
    """Return a figure on the page's ground, as wide as its card."""
    plot = figure(
        **{"height": 340, "sizing_mode": "stretch_width", **options},
        tools="pan,wheel_zoom,box_zoom,reset,save",
        toolbar_location="right",
        background_fill_color=None,
        outline_line_color=None,
        min_border=4,
        # Bokeh clears all of its canvas but the first half pixel, where the first layout left marks.
        styles={"clip-path": "inset(0 0 0 2px)"},
    )
    # A logo would be a link that leaves the machine.
    plot.toolbar.logo = None
    plot.toolbar.autohide = True
    plot.toolbar.active_scroll = None
    return plot


def new_key() -> Div:
    """Return the place of a legend below a figure."""
    return Div(sizing_mode="stretch_width", styles={"font-size": "13px"})


def key_text(entries: list[tuple[str, str, str]]) -> str:
    """Return a legend, which wraps where the page is narrow.

    Parameters
    ----------
    entries : list of (str, str, str)
        Colour, sign and text of every entry; the sign is a character, or ``"solid"``, ``"dashed"`` or ``"dotted"``.
    """
    return "".join(
        f'<span><i class="line-{sign}" style="color:{colour}"></i> {escape(text)}</span>'
        if sign in _LINES
        else f'<span><i style="color:{colour}">{sign}</i> {escape(text)}</span>'
        for colour, sign, text in entries
    )


def entries_of(curves: list[tuple[str, list[int], str]]) -> list[tuple[str, str, str]]:
    """Return the entries of curves as ``curve_of`` gives them."""
    return [(colour, "dashed" if dashes else "solid", label) for colour, dashes, label in curves]


def curve_of(line: dict) -> tuple[str, list[int], str]:
    """Return colour, dashes and printed name of a line of ``nashsim.plots``."""
    dashes = line["linestyle"]
    pattern = [] if isinstance(dashes, str) else [max(1, round(2 * float(length))) for length in dashes[1]]
    return _ON_BOTH.get(line["color"], line["color"]), pattern, line["label"]


def shortened(label: str, most: int = 18) -> str:
    """Return a label of at most ``most`` characters."""
    return label if len(label) <= most else label[: most - 1] + "…"


def fixed_ticks(axis) -> None:
    """Make an axis ready for ``put_ticks``."""
    axis.ticker = FixedTicker(ticks=[])


def put_ticks(axis, texts: dict[float, str]) -> None:
    """Label an axis at the given places, or not at all where they are too many."""
    # A new ticker would make Bokeh look through its whole document again.
    axis.ticker.ticks = list(texts) if len(texts) <= _MOST_LABELS else []
    axis.major_label_overrides = texts


def above_floor(values: np.ndarray) -> np.ndarray:
    """Return values with NaN for those that a logarithmic axis cannot show."""
    return np.where(values > FLOOR, values, np.nan)
