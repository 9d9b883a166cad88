"""What people pass to a plot of curves, as one labelled curve each: runs, plays, dicts of them, tidy frames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import NashsimError, unknown_name
from .style import shown

if TYPE_CHECKING:
    import pandas as pd

#: Columns that are measured, or repeat a curve: all others say which curve a row belongs to.
_MEASURED = ("seed", "step", "queries", "rounds", "iteration", "seconds", "duels", "metric", "value")
#: Column of the keys of a dict.
_KEY = "curve"


@dataclass(frozen=True)
class Curves:
    """Curves that have a metric.

    Attributes
    ----------
    frames : list of DataFrame
        Rows of each curve, those of other metrics among them.
    lines : list of dict
        Keyword arguments of ``plot`` for each, its label among them.
    title : str
        What all curves have in common.
    kl : bool
        Whether all are regularised by KL, as the definitions of metrics are written.
    """

    frames: list[pd.DataFrame]
    lines: list[dict]
    title: str
    kl: bool


def curves_of(given, metric: str, x: str, kind: str, argument: str) -> Curves:
    """Return the curves of a metric, a curve whatever identifies one, with labels of what tells them apart.

    Parameters
    ----------
    given : Run, Play, DataFrame, or a sequence or dict of them
        A frame has columns ``metric``, ``value`` and ``x``.
    metric, x : str
    kind : "rule" or "learner"
        Column that chooses the line.
    argument : str
        Name of the argument in errors.

    Raises
    ------
    NashsimError
        For anything else, an unknown metric, or nothing to draw.
    """
    from .lines import lines_of

    frame = frame_of(given, argument)
    missing = [name for name in ("metric", "value", x) if name not in frame]
    if missing:
        raise NashsimError(
            f"{argument}: columns metric, value and {x} are needed, missing {', '.join(missing)}"
        )
    if metric not in set(frame.metric):
        raise unknown_name("metric", metric, map(str, frame.metric.unique()))
    drawn = frame[frame.metric == metric]
    identity = [name for name in frame if name not in (*_MEASURED, x)]
    varying = [name for name in identity if drawn[name].nunique(dropna=False) > 1]
    varying = [_KEY] if _KEY in varying else sorted(varying, key=lambda name: name not in (kind, "setting"))
    if kind in varying and "setting" in varying:
        several = drawn.groupby(kind, dropna=False).setting.nunique().max() > 1
        varying.remove(kind if several else "setting")
    frames, names, labels = [], [], []
    for values, rows in frame.groupby(varying, sort=False, dropna=False) if varying else [((), frame)]:
        if metric not in set(rows.metric):
            continue
        frames.append(rows)
        names.append(str(rows[kind].iloc[0]) if kind in rows else "")
        pieces = [_piece(column, value, kind) for column, value in zip(varying, values, strict=True)]
        labels.append(" · ".join(pieces) or _piece(kind, names[-1], kind))
    lines = [{**line, "label": label} for line, label in zip(lines_of(names, kind), labels, strict=True)]
    common = [name for name in ("game", "tau", "regulariser") if name in identity and name not in varying]
    title = ", ".join(_piece(name, drawn[name].iloc[0], kind) for name in common if drawn[name].notna().all())
    return Curves(frames, lines, title, "regulariser" not in frame or bool(frame.regulariser.isna().all()))


def frame_of(given, argument: str) -> pd.DataFrame:
    """Return one tidy DataFrame of runs, plays, frames, or a sequence or dict of them; empty ones are refused."""
    import pandas as pd

    if isinstance(given, pd.DataFrame):
        frame = given
    elif hasattr(given, "frame"):
        frame = _identified(given)
    elif isinstance(given, Mapping):
        parts = [frame_of(one, argument).assign(**{_KEY: str(key)}) for key, one in given.items()]
        frame = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    elif isinstance(given, Iterable) and not isinstance(given, str | bytes):
        parts = [frame_of(one, argument) for one in _apart(list(given))]
        frame = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    else:
        raise NashsimError(
            f"{argument}: results with a frame(), several, a dict of them or a tidy DataFrame are needed,"
            f" found {type(given).__name__}"
        )
    if frame.empty:
        raise NashsimError(f"{argument}: nothing to draw, found no records")
    return frame


def _identified(result) -> pd.DataFrame:
    """The frame of a run or play, with the parameters of its rule or learner and its tau."""
    frame = result.frame()
    chosen = getattr(result, "rule", None) or getattr(result, "learner", None)
    game = getattr(result, "game", None)
    known = {"tau": getattr(game, "tau", None), "setting": repr(chosen)}
    if not getattr(game, "kl_regularised", True):
        known["regulariser"] = game.regulariser.word
    return frame.assign(**{name: value for name, value in known.items() if value is not None})


def _apart(results: list) -> list:
    """Results whose different games have one name, told apart by a number: no band mixes two games."""
    known: dict[str, list] = {}
    found = []
    for result in results:
        game = getattr(result, "game", None)
        if game is None or not hasattr(game, "preference"):
            found.append(result)
            continue
        same = known.setdefault(game.name, [])
        number = next((k for k, other in enumerate(same) if _alike(game, other)), len(same))
        if number == len(same):
            same.append(game)
        frame = _identified(result)
        found.append(frame.assign(game=f"{game.name} ({number + 1})") if number else frame)
    return found


def _alike(game, other) -> bool:
    import numpy as np

    if game.preference is not other.preference:
        dense = [one.preference.dense() if one.actions <= 2000 else None for one in (game, other)]
        if dense[0] is None or dense[1] is None or not np.array_equal(*dense):
            return False
    return np.array_equal(game.log_reference, other.log_reference)


def _piece(column: str, value, kind: str) -> str:
    """A part of a label: the name of a rule, the value of a parameter."""
    if column == kind:
        from .lines import learner_line, rule_line

        return (rule_line if kind == "rule" else learner_line)(str(value))["label"] if value else ""
    if column == "tau":
        return f"τ = {value:g}"
    if isinstance(value, str):
        return shown(value, 40)
    return f"{column} = {value:g}" if isinstance(value, float | int) else f"{column} = {value}"
