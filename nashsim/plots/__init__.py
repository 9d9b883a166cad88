"""Plots in one call: each takes what runs, learners and games return, and returns matplotlib Axes.

>>> from nashsim import games, plots, run
>>> from nashsim.online import run_regret
>>> game = games.get("rps").replace(tau=0.1, reference=[0.6, 0.3, 0.1])
>>> runs = [run(game, rule, queries=1000, keep_policies=True) for rule in ("nash-md", "omd", "egpo")]
>>> ax = runs[-1].plot(bounds=True)  # a run beside its theorem
>>> ax = plots.convergence(runs)  # several against queries
>>> ax = plots.simplex(runs)  # their ways over the simplex
>>> ax = plots.matrix(games.get("tldr").replace(tau=0.1))  # who beats whom, sorted by the equilibrium
>>> ax = plots.regret(run_regret(game, ["inpo-online", "enpo"], rounds=1000, seeds=4))  # learners from duels

Beside these: ``rankings``, ``solution_path``. Every plot takes ``ax=``, axes to draw on; without it a figure is made in
the look of :func:`style`. What cannot be drawn is refused in one line.
"""

from .bands import bands, mean_line
from .convergence import convergence
from .legend import legend_below
from .lines import cycle, learner_line, rule_line
from .matrix import matrix
from .rankings import rankings
from .regret import REGRET, regret
from .simplex import draw_simplex, marks, simplex, to_plane
from .solution import solution_path
from .style import PALETTE, style

__all__ = [
    "PALETTE", "REGRET", "bands", "convergence", "cycle", "draw_simplex", "learner_line", "legend_below", "marks",
    "matrix", "mean_line", "rankings", "regret", "rule_line", "simplex", "solution_path", "style", "to_plane",
]  # fmt: skip
