"""One look for every figure: a colour-blind palette, small type, light grids; and axes where a call brings none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps

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
    """Apply the look within a ``with`` block, on whatever backend is chosen."""
    import matplotlib as mpl

    with mpl.rc_context(_PARAMETERS):
        yield


def one_call(draw: Callable) -> Callable:
    """Make ``draw(..., ax=axes)`` a plot in one call: without ``ax`` it gets axes of the package's look.

    The axes are returned; the figure of a call that is refused is closed again.
    """

    @wraps(draw)
    def plot(*arguments, ax=None, **options):
        if ax is not None:
            draw(*arguments, ax=ax, **options)
            return ax
        import matplotlib.pyplot as plt

        with style():
            figure, ax = plt.subplots(layout="constrained")
            try:
                draw(*arguments, ax=ax, **options)
            except BaseException:
                plt.close(figure)
                raise
        return ax

    return plot


def shown(label, most: int = 28) -> str:
    """Return a label as it may stand in a figure: one line, cut to ``most`` characters, its dollars no mathematics.

    Examples
    --------
    >>> shown("a $5 answer"), shown("x" * 40, 5)
    ('a \\\\$5 answer', 'xxxx…')
    """
    line = " ".join(str(label).split())
    line = line if len(line) <= most else line[: most - 1] + "…"
    # legends leave out labels that begin with an underscore
    return ("\u200a" if line.startswith("_") else "") + line.replace("$", r"\$")
