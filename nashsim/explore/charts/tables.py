"""The game as a table: who beats whom, and who is best by which score."""

from __future__ import annotations

import numpy as np
from bokeh.models import (
    BasicTicker,
    ColumnDataSource,
    CustomJSHover,
    FixedTicker,
    HoverTool,
    Label,
    LinearColorMapper,
    Range1d,
)

from ...plots import PALETTE
from ..answers import Answer
from .drawing import COLOURS, fixed_ticks, new_figure, put_ticks, shortened

#: Matrices beyond this size show no numbers in their cells.
_MOST_NUMBERS = 14
#: Places that the chart of rankings shows, and scores that it sets side by side.
PLACES = 12
RANKED = {
    "nash": "Nash",
    "lottery": "lottery",
    "borda": "Borda",
    "copeland": "Copeland",
    "bradley_terry": "BT",
}


class WinMatrix:
    """P(row ≻ column), both in the order of the equilibrium."""

    def __init__(self):
        self.figure = plot = new_figure(x_range=Range1d(0, 1), y_range=Range1d(0, 1), x_axis_location="above")
        plot.grid.visible = False
        plot.xaxis.major_label_orientation = 0.7
        fixed_ticks(plot.xaxis)
        fixed_ticks(plot.yaxis)
        # Even odds are no ink at all; what wins is blue, what loses is vermilion.
        alphas = np.abs(np.linspace(-1, 1, 255)) * 0.95 * 255
        sides = [PALETTE["vermilion"]] * 127 + [PALETTE["blue"]] * 128
        palette = [f"{side}{round(alpha):02x}" for side, alpha in zip(sides, alphas, strict=True)]
        mapper = LinearColorMapper(palette=palette, low=0.0, high=1.0)
        self.source = ColumnDataSource({"image": [], "d": []})
        cells = plot.image("image", x=0, y=0, dw="d", dh="d", source=self.source, color_mapper=mapper)
        self.numbers = ColumnDataSource({name: [] for name in ("x", "y", "text", "light", "dark")})
        #: One copy for each ground; the page shows that of its own.
        self.texts = [
            plot.text(
                "x",
                "y",
                "text",
                source=self.numbers,
                text_align="center",
                text_baseline="middle",
                text_font_size="12px",
                text_color=ground,
                visible=False,
            )
            for ground in ("light", "dark")
        ]
        self.rows = CustomJSHover(args={"labels": []}, code="return labels[Math.floor(value)] ?? ''")
        self.columns = CustomJSHover(args={"labels": []}, code="return labels[Math.floor(value)] ?? ''")
        plot.add_tools(
            HoverTool(
                renderers=[cells],
                tooltips="P($y{custom} ≻ $x{custom}) = @image{0.0000}",
                formatters={"$y": self.rows, "$x": self.columns},
            )
        )

    def show(self, found: Answer) -> None:
        """Show the preferences of an answer's game."""
        order, n = found.order, found.game.actions
        wins = found.game.probabilities[0][np.ix_(order, order)]
        labels = [found.game.labels[i] for i in order]
        # Bokeh counts rows from below.
        self.source.data = {"image": [wins[::-1]], "d": [n]}
        self.figure.x_range.end = self.figure.y_range.end = n
        self.columns.args, self.rows.args = {"labels": labels}, {"labels": labels[::-1]}
        put_ticks(self.figure.xaxis, {j + 0.5: shortened(label, 12) for j, label in enumerate(labels)})
        put_ticks(self.figure.yaxis, {i + 0.5: shortened(label) for i, label in enumerate(labels[::-1])})
        cells = [(i, j) for i in range(n) for j in range(n)] if n <= _MOST_NUMBERS else []
        self.numbers.data = {
            "x": [j + 0.5 for _, j in cells],
            "y": [n - i - 0.5 for i, _ in cells],
            "text": [f"{wins[cell]:.2f}".removeprefix("0") for cell in cells],
            "light": ["white" if abs(wins[cell] - 0.5) > 0.35 else "#1c1f24" for cell in cells],
            "dark": ["#f1f3f5"] * len(cells),
        }


class RankingsChart:
    """Places of every label by several scores side by side."""

    def __init__(self):
        self.figure = plot = new_figure(
            x_range=Range1d(-1.7, len(RANKED) + 0.7), y_range=Range1d(PLACES + 0.6, 0.4)
        )
        plot.grid.visible = False
        plot.add_layout(plot.xaxis[0], "above")
        plot.xaxis.major_label_orientation = 0.5
        plot.xaxis.ticker = FixedTicker(ticks=list(range(len(RANKED))))
        plot.xaxis.major_label_overrides = dict(enumerate(RANKED.values()))
        plot.yaxis.ticker = BasicTicker(desired_num_ticks=PLACES, min_interval=1)
        self.lines = ColumnDataSource({"x": [], "y": [], "colour": [], "label": []})
        plot.multi_line("x", "y", source=self.lines, line_color="colour", line_width=2, alpha=0.55)
        self.places = ColumnDataSource(
            {name: [] for name in ("x", "y", "colour", "alpha", "label", "by", "score", "rank")}
        )
        dots = plot.scatter(
            "x",
            "y",
            source=self.places,
            size=11,
            line_color="colour",
            fill_color="colour",
            fill_alpha="alpha",
        )
        self.names = [
            Label(x=0, y=0, text_baseline="middle", text_font_size="12px") for _ in range(2 * PLACES)
        ]
        for name in self.names:
            plot.add_layout(name)
        plot.add_tools(
            HoverTool(renderers=[dots], tooltips=[("", "@label"), ("@by", "@score{0.0000}, rank @rank")])
        )

    def show(self, found: Answer) -> None:
        """Show the scores of an answer; those that tie stand in the order of their Borda scores, hollow."""
        labels, scores = list(found.scores.index), found.scores[list(RANKED)].to_numpy()
        rounded = scores.round(9)
        # The rows come in the order of Borda, which a stable sort keeps among those that tie.
        places = np.argsort(np.argsort(-rounded, axis=0, kind="stable"), axis=0) + 1
        ranks = 1 + (rounded[None] > rounded[:, None]).sum(axis=1)
        tied = (rounded[None] == rounded[:, None]).sum(axis=1) > 1
        kept = np.flatnonzero((places <= PLACES).any(axis=1))
        colours = [COLOURS[(place - 1) % len(COLOURS)] for place in places[:, 0]]
        self.lines.data = {
            "x": [list(range(len(RANKED)))] * len(kept),
            "y": places[kept].tolist(),
            "colour": [colours[i] for i in kept],
            "label": [labels[i] for i in kept],
        }
        dots = [(i, k) for i in kept for k in range(len(RANKED)) if places[i, k] <= PLACES]
        names = list(RANKED.values())
        self.places.data = {
            "x": [k for _, k in dots],
            "y": [places[dot] for dot in dots],
            "colour": [colours[i] for i, _ in dots],
            "alpha": [0.0 if tied[dot] else 1.0 for dot in dots],
            "label": [labels[i] for i, _ in dots],
            "by": [names[k] for _, k in dots],
            "score": [scores[dot] for dot in dots],
            "rank": [ranks[dot] for dot in dots],
        }
        self.figure.y_range.start = min(len(scores), PLACES) + 0.6
        marks = iter(self.names)
        for column, x, align in ((0, -0.15, "right"), (-1, len(RANKED) - 0.85, "left")):
            for i in np.flatnonzero(places[:, column] <= PLACES):
                place = {"x": x, "y": int(places[i, column]), "text_align": align, "visible": True}
                next(marks).update(text=shortened(labels[i], 12), **place)
        for unused in marks:
            unused.visible = False
