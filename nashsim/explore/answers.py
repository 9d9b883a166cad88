"""The numbers behind the page: the settings carried out by the same functions that users call."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..engine import Run, first_policy, run, start_facts
from ..equilibrium import solve
from ..equilibrium.result import Equilibrium
from ..errors import NashsimError, first_line
from ..game import PreferenceGame
from ..online import play_learner
from ..rankings import rankings
from ..rules import get_rule
from .settings import SEEDS, Settings, reference_of
from .sources import Opened

if TYPE_CHECKING:
    import pandas as pd

#: Records of a run of three actions, whose way is drawn, and of a larger game: what a run costs below 10^4 steps.
RECORDS = {True: 64, False: 36}


@dataclass(frozen=True, eq=False)
class Answer:
    """What the page shows of one setting.

    Attributes
    ----------
    game : PreferenceGame
        With the page's tau and reference.
    equilibrium : Equilibrium
    order : ndarray of int, shape (actions,)
        Actions from the most to the least likely at the equilibrium.
    scores : DataFrame
        A row a label and a column a score; ``nash`` is the equilibrium.
    runs : dict of str to Run
        By rule, with policies kept.
    bounds : dict of str to ndarray
        Proved bounds on the chosen metric at the records, of the rules that have one.
    notes : dict of str to str
        What a rule had to say: why it did not run, or that its step is outside its condition.
    """

    game: PreferenceGame
    equilibrium: Equilibrium
    order: np.ndarray
    scores: pd.DataFrame
    runs: dict[str, Run]
    bounds: dict[str, np.ndarray]
    notes: dict[str, str]


def own_scores(opened: Opened) -> pd.DataFrame:
    """Return the rankings of what was opened: those that neither tau nor reference change, and a Nash policy."""
    ranked = opened.game if opened.data is None else opened.data
    return rankings(ranked, tau=0.1, bootstrap=0, **opened.how).scores


def answer(opened: Opened, scores: pd.DataFrame, settings: Settings) -> Answer:
    """Return what the page shows.

    Parameters
    ----------
    opened : Opened
    scores : DataFrame
        Of ``own_scores``.
    settings : Settings

    Raises
    ------
    NashsimError
        For a reference that does not fit; what one rule refuses is noted.
    """
    game = opened.game.replace(tau=settings.tau, **reference_of(settings.reference, opened.game))
    equilibrium = solve(game)
    runs, bounds, notes = {}, {}, {}
    for name in settings.rules:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            try:
                runs[name], bound = _run(game, name, settings)
            except NashsimError as error:
                notes[name] = first_line(error)
                continue
        if bound is not None:
            bounds[name] = bound
        if said:
            notes[name] = str(said[-1].message)
    probabilities = equilibrium.probabilities[0]
    return Answer(
        game,
        equilibrium,
        np.argsort(-probabilities, kind="stable"),
        scores.assign(nash=equilibrium.policy),
        runs,
        bounds,
        notes,
    )


def _run(game: PreferenceGame, name: str, settings: Settings) -> tuple[Run, np.ndarray | None]:
    rule = get_rule(name, eta=settings.eta, tau=game.tau)
    records = RECORDS[game.actions == 3]
    metrics = {settings.metric, "kl_to_equilibrium", rule.target} - {"kl_to_lottery"}
    done = run(
        game,
        rule,
        queries=settings.queries,
        start=settings.start,
        # Every step of the beginning, where the way turns most, then evenly in the logarithm.
        record=np.union1d(np.arange(records // 3), np.geomspace(1, settings.queries, records)),
        metrics=sorted(metrics),
        keep_policies=True,
    )
    start = start_facts(game, first_policy(game, settings.start, 0), done.log_equilibrium)
    return done, rule.bound(settings.metric, game.tau, done.step, start)


class Outdated(Exception):
    """The page has moved on; the play is given up."""


@dataclass(frozen=True, eq=False)
class Regret:
    """What one learner was charged.

    Attributes
    ----------
    name : str
    rounds : ndarray of int, shape (records,)
    mean, low, high : ndarray, shape (records,)
        Mean, least and largest regret over the seeds.
    note : str
        Why the learner did not play; empty where it did.
    """

    name: str
    rounds: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    note: str = ""


def regrets(game: PreferenceGame, settings: Settings, is_wanted: Callable[[], bool]) -> list[Regret]:
    """Let the chosen learners play and return their regret.

    Parameters
    ----------
    game : PreferenceGame
    settings : Settings
    is_wanted : callable
        Asked between records; the play is given up by ``Outdated`` once it returns False.
    """

    def tell(done: int, total: int) -> None:
        if not is_wanted():
            raise Outdated

    found = []
    for name in settings.learners:
        try:
            play = play_learner(game, name, rounds=settings.rounds, seeds=SEEDS, progress=tell)
        except NashsimError as error:
            nothing = np.empty(0)
            found.append(Regret(name, nothing, nothing, nothing, nothing, first_line(error)))
            continue
        curves = play.values["regret"]
        found.append(Regret(name, play.rounds, curves.mean(0), curves.min(0), curves.max(0)))
    return found
