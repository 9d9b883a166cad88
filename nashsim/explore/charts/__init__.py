"""The charts of the page: what Bokeh draws in the browser, and how an answer becomes its data."""

from .curves import Convergence, RegretChart
from .policies import HeatMap, Simplex
from .tables import RankingsChart, WinMatrix

__all__ = ["Convergence", "HeatMap", "RankingsChart", "RegretChart", "Simplex", "WinMatrix"]
