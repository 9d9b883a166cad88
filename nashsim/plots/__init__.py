"""Figures from tidy frames; nothing here computes results."""

from .bands import bands
from .legend import legend_below
from .simplex import draw_simplex, to_plane
from .style import PALETTE, RULE_STYLE, rule_line, style

__all__ = [
    "PALETTE", "RULE_STYLE", "bands", "draw_simplex", "legend_below", "rule_line", "style", "to_plane",
]  # fmt: skip
