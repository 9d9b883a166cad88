"""Policies: their way on the simplex of three actions, or as a heat map."""

from __future__ import annotations

import numpy as np
from bokeh.events import Tap
from bokeh.models import ColumnDataSource, CustomJSHover, HoverTool, Label, LinearColorMapper, Range1d

from ...plots import PALETTE, rule_line, to_plane
from ...plots.simplex import CORNERS
from ..answers import Answer
from .drawing import (
    MIDDLE,
    curve_of,
    entries_of,
    fixed_ticks,
    key_text,
    new_figure,
    new_key,
    put_ticks,
    shortened,
)


class Simplex:
    """Trajectories of three-action policies, with the reference, the equilibrium and the lottery."""

    def __init__(self):
        height = CORNERS[2, 1]
        self.figure = plot = new_figure(
            x_range=Range1d(-0.2, 1.2),
            y_range=Range1d(-0.1, height + 0.1),
            # An equal scale on both axes, whatever the width of the card.
            aspect_ratio=1.4 / (height + 0.2),
            sizing_mode="scale_width",
            max_width=500,
            align="center",
        )
        self.key = new_key()
        plot.axis.visible = plot.grid.visible = False
        grid = [
            to_plane([np.insert(part, corner, k / 5) for part in ((0, 1 - k / 5), (1 - k / 5, 0))]).T
            for corner in range(3)
            for k in range(1, 5)
        ]
        plot.multi_line([g[0] for g in grid], [g[1] for g in grid], color=MIDDLE, alpha=0.3, width=0.7)
        plot.patch(*CORNERS.T, fill_alpha=0, line_color=MIDDLE, line_width=1.3)
        self.corners = []
        places = zip(CORNERS, ("center",) * 3, (-8, -8, 8), ("top", "top", "bottom"), strict=True)
        for point, align, shift, base in places:
            mark = Label(
                x=point[0],
                y=point[1],
                y_offset=shift,
                text_align=align,
                text_baseline=base,
                text_font_size="13px",
            )
            plot.add_layout(mark)
            self.corners.append(mark)
        self.ways = ColumnDataSource({"x": [], "y": [], "colour": [], "dash": [], "rule": []})
        way = plot.multi_line(
            "x", "y", source=self.ways, line_color="colour", line_dash="dash", line_width=2, alpha=0.9
        )
        self.ends = ColumnDataSource({"x": [], "y": [], "colour": [], "rule": []})
        plot.scatter("x", "y", source=self.ends, size=7, color="colour")
        self.points = ColumnDataSource({name: [] for name in ("x", "y", "marker", "name", "colour", "text")})
        marks = plot.scatter(
            "x",
            "y",
            marker="marker",
            source=self.points,
            size=13,
            fill_alpha=0,
            line_color="colour",
            line_width=2.2,
        )
        plot.add_tools(
            HoverTool(renderers=[way], tooltips="@rule"),
            HoverTool(renderers=[marks], tooltips="@name: @text"),
        )

    def on_tap(self, move) -> None:
        """Call ``move(policy)``, a tuple of three probabilities, where the triangle is clicked."""

        def tapped(event: Tap) -> None:
            if event.x is None or event.y is None:
                return
            policy = np.linalg.solve(np.vstack([CORNERS.T, np.ones(3)]), [event.x, event.y, 1.0])
            if policy.min() >= 0.005:
                rounded = np.round(policy, 4)
                move((*rounded[:2], round(1 - rounded[0] - rounded[1], 4)))

        self.figure.on_event(Tap, tapped)

    def show(self, found: Answer) -> None:
        """Show an answer of three actions."""
        for mark, label in zip(self.corners, found.game.labels, strict=True):
            mark.text = shortened(label)
        ways = [to_plane(np.exp(run.log_policies[:, 0])) for run in found.runs.values()]
        curves = [curve_of(rule_line(rule)) for rule in found.runs]
        colours, dashes, names = (
            [list(part) for part in zip(*curves, strict=True)] if curves else ([], [], [])
        )
        self.ways.data = {
            "x": [way[:, 0] for way in ways],
            "y": [way[:, 1] for way in ways],
            "colour": colours,
            "dash": dashes,
            "rule": names,
        }
        self.ends.data = {
            "x": [way[-1, 0] for way in ways],
            "y": [way[-1, 1] for way in ways],
            "colour": colours,
            "rule": names,
        }
        points = {
            "reference μ": (found.game.reference[0], "diamond", PALETTE["purple"]),
            "equilibrium": (found.equilibrium.probabilities[0], "circle", PALETTE["vermilion"]),
            "lottery": (found.scores.lottery[list(found.game.labels)].to_numpy(), "square", PALETTE["sky"]),
        }
        signs = {"diamond": "◇", "circle": "○", "square": "□"}
        marks = [(colour, signs[marker], name) for name, (_, marker, colour) in points.items()]
        self.key.text = key_text([*entries_of(curves), *marks])
        plane = to_plane(np.array([policy for policy, *_ in points.values()]))
        self.points.data = {
            "x": plane[:, 0],
            "y": plane[:, 1],
            "marker": [marker for _, marker, _ in points.values()],
            "colour": [colour for *_, colour in points.values()],
            "name": list(points),
            "text": [", ".join(f"{p:.4f}" for p in policy) for policy, *_ in points.values()],
        }


class HeatMap:
    """The policies of one rule over its steps, actions in the order of the equilibrium."""

    def __init__(self):
        self.figure = plot = new_figure(x_range=Range1d(0, 1), y_range=Range1d(0, 1))
        plot.grid.visible = False
        plot.xaxis.axis_label = "preference queries"
        fixed_ticks(plot.xaxis)
        fixed_ticks(plot.yaxis)
        self.key = new_key()
        # One blue from nothing to opaque: on either ground, the more ink the more likely.
        palette = [f"{PALETTE['blue']}{alpha:02x}" for alpha in range(256)]
        self.mapper = LinearColorMapper(palette=palette, low=0.0, high=1.0)
        self.source = ColumnDataSource({"image": [], "dw": [], "dh": []})
        cells = plot.image("image", x=0, y=0, dw="dw", dh="dh", source=self.source, color_mapper=self.mapper)
        self.labels = CustomJSHover(args={"labels": []}, code="return labels[Math.floor(value)] ?? ''")
        self.queries = CustomJSHover(args={"queries": []}, code="return queries[Math.floor(value)] ?? ''")
        plot.add_tools(
            HoverTool(
                renderers=[cells],
                tooltips=[
                    ("action", "$y{custom}"),
                    ("queries", "$x{custom}"),
                    ("probability", "@image{0.0000}"),
                ],
                formatters={"$y": self.labels, "$x": self.queries},
            )
        )

    def show(self, found: Answer, rule: str) -> None:
        """Show the policies of ``rule``, or of the first rule there is."""
        run = found.runs.get(rule) or next(iter(found.runs.values()), None)
        if run is None:
            self.source.data = {"image": [], "dw": [], "dh": []}
            return
        policies = np.exp(run.log_policies[:, 0])[:, found.order]
        records, actions = policies.shape
        self.source.data = {"image": [policies.T[::-1]], "dw": [records], "dh": [actions]}
        self.figure.x_range.end, self.figure.y_range.end = records, actions
        self.mapper.high = float(policies.max())
        _, _, name = curve_of(rule_line(run.rule.name))
        self.key.text = key_text(
            [(PALETTE["blue"], "■", f"{name}: probability {policies.max():.2g}, and less in less ink")]
        )
        labels = [found.game.labels[i] for i in found.order[::-1]]
        self.labels.args = {"labels": labels}
        self.queries.args = {"queries": run.queries.tolist()}
        ticks = np.unique(np.linspace(0, records - 1, 6).astype(int))
        put_ticks(self.figure.xaxis, {t + 0.5: str(run.queries[t]) for t in ticks.tolist()})
        put_ticks(self.figure.yaxis, {i + 0.5: shortened(label) for i, label in enumerate(labels)})
