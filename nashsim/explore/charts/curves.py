"""Curves: convergence of rules against queries, and regret of learners against duels."""

from __future__ import annotations

import numpy as np
from bokeh.models import ColumnDataSource, HoverTool

from ...engine import METRICS
from ...plots import learner_line, rule_line
from ..answers import Answer, Regret
from .drawing import FLOOR, MIDDLE, above_floor, curve_of, entries_of, key_text, new_figure, new_key


class Convergence:
    """A metric of every rule against the queries it asked, with its proved bound."""

    def __init__(self):
        self.figure = plot = new_figure(x_axis_type="log", y_axis_type="log")
        self.key = new_key()
        plot.xaxis.axis_label = "preference queries  P(· ≻ π)"
        names = ("x", "y", "colour", "dash", "rule")
        self.curves = ColumnDataSource({name: [] for name in names})
        self.bounds = ColumnDataSource({name: [] for name in names})
        curve = plot.multi_line(
            "x", "y", source=self.curves, line_color="colour", line_dash="dash", line_width=2, alpha=0.95
        )
        bound = plot.multi_line(
            "x", "y", source=self.bounds, line_color="colour", line_dash=[1, 4], line_width=1.6, alpha=0.9
        )
        plot.add_tools(
            HoverTool(renderers=[curve, bound], tooltips=[("", "@rule"), ("queries, value", "$x{0}, $y")])
        )

    def show(self, found: Answer, metric: str) -> None:
        """Show ``metric`` of an answer's runs."""
        self.figure.yaxis.axis_label = METRICS[metric].label
        curves = {name: [] for name in self.curves.data}
        bounds = {name: [] for name in self.bounds.data}
        for rule, run in found.runs.items():
            colour, dash, label = curve_of(rule_line(rule))
            for into, values, text, pattern in (
                (curves, run.metrics[metric], label, dash),
                (bounds, found.bounds.get(rule), f"bound of {label}", [1, 4]),
            ):
                if values is not None:
                    row = (run.queries[1:], above_floor(values[1:]), colour, pattern, text)
                    for name, value in zip(into, row, strict=True):
                        into[name].append(value)
        self.curves.data, self.bounds.data = curves, bounds
        bound = [(MIDDLE, "dotted", "proved bound, in the same colour")] if found.bounds else []
        self.key.text = key_text([*entries_of([curve_of(rule_line(rule)) for rule in found.runs]), *bound])


class RegretChart:
    """Regret of learners against the duels they bought: the mean over seeds in their range."""

    def __init__(self):
        self.figure = plot = new_figure(x_axis_type="log", y_axis_type="log")
        self.key = new_key()
        plot.xaxis.axis_label = "duels"
        plot.yaxis.axis_label = "regret  Σ τ KL(π ‖ BR(π)) [payoff]"
        self.bands = ColumnDataSource({"x": [], "y": [], "colour": []})
        plot.patches("x", "y", source=self.bands, color="colour", alpha=0.2, line_width=0)
        self.curves = ColumnDataSource({"x": [], "y": [], "colour": [], "dash": [], "learner": []})
        curve = plot.multi_line(
            "x", "y", source=self.curves, line_color="colour", line_dash="dash", line_width=2
        )
        plot.add_tools(
            HoverTool(renderers=[curve], tooltips=[("", "@learner"), ("duels, regret", "$x{0}, $y")])
        )

    def show(self, found: list[Regret]) -> None:
        """Show what learners were charged."""
        drawn = [one for one in found if not one.note]
        lines = [curve_of(learner_line(one.name)) for one in drawn]
        colours = [colour for colour, *_ in lines]
        self.curves.data = {
            "x": [one.rounds for one in drawn],
            "y": [above_floor(one.mean) for one in drawn],
            "colour": colours,
            "dash": [dash for _, dash, _ in lines],
            "learner": [name for *_, name in lines],
        }
        self.key.text = key_text(entries_of(lines))
        self.bands.data = {
            "x": [np.concatenate([one.rounds, one.rounds[::-1]]) for one in drawn],
            "y": [np.concatenate([np.maximum(one.low, FLOOR), one.high[::-1]]) for one in drawn],
            "colour": colours,
        }
