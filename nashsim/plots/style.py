"""One look for every figure: a colour-blind palette, small type, light grids."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from zlib import crc32

#: Okabe and Ito's palette, which stays distinct under every common colour blindness.
PALETTE = {
    "blue": "#0072B2",
    "orange": "#E69F00",
    "green": "#009E73",
    "vermilion": "#D55E00",
    "purple": "#CC79A7",
    "sky": "#56B4E9",
    "black": "#000000",
    "grey": "#777777",
}

#: Colour, dash pattern and printed name of the rules that figures compare, the same in all of them.
RULE_STYLE = {
    "nash-md": ("vermilion", "solid", "Nash-MD"),
    "inpo": ("orange", "solid", "INPO"),
    "omd": ("green", "solid", "OMD"),
    "mmd": ("sky", (0, (4, 2)), "MMD"),
    "nash-mp": ("blue", "solid", "Nash-MP"),
    "egpo": ("purple", (0, (4, 2)), "EGPO"),
}

_PARAMETERS = {
    "figure.dpi": 110,
    "savefig.dpi": 220,
    "savefig.bbox": "tight",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "pdf.fonttype": 42,
    # The same data give the same PDF and PNG bytes.
    "svg.hashsalt": "nashsim",
}


@contextmanager
def style() -> Iterator[None]:
    """Apply the look within a ``with`` block, on a backend without a screen."""
    import matplotlib as mpl

    with mpl.rc_context(_PARAMETERS):
        yield


def rule_line(name: str) -> dict:
    """Return the keyword arguments of ``plot`` for a rule's curve: colour, dashes, label.

    A rule without a style of its own has a dashed line in black or grey, always the same one, under its own name.
    """
    dashes = (0, (1 + crc32(name.encode()) % 7, 1.5))
    colour, dashes, label = RULE_STYLE.get(name, (("black", "grey")[len(name) % 2], dashes, name))
    return {"color": PALETTE[colour], "linestyle": dashes, "label": label}
