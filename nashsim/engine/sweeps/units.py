"""The units of a sweep: what is run at one place in one go, cut by the amount of work alone."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from ...errors import NashsimError
from ...game import PreferenceGame
from ...rules import Rule, get_rule
from ..feedback import Feedback
from ..run import run_many
from ..work import step_cost
from .backends import calm, end_with

#: Multiply-adds of a unit: about an eighth of a second of compiled work, beside its records and its equilibria.
UNIT = 1 << 28


@dataclass(frozen=True, eq=False)
class Unit:
    """Games of one size and tau under one rule, from some seeds.

    Attributes
    ----------
    number : int
        Its place in the sweep.
    games : list of PreferenceGame
    rule : Rule
    label : str
        What the frame calls the rule.
    eta : float
        The constant forward step, as it was given; NaN where a schedule moves it.
    seeds : tuple of int
    """

    number: int
    games: list[PreferenceGame]
    rule: Rule
    label: str
    eta: float
    seeds: tuple[int, ...]

    @property
    def runs(self) -> int:
        """How many runs the unit makes."""
        return len(self.games) * len(self.seeds)

    @property
    def tau(self) -> float | None:
        """The tau of all its games."""
        return self.games[0].tau


def cut_units(
    games: Sequence[PreferenceGame],
    rules: Sequence[str | Rule],
    taus: Sequence[float] | None,
    etas: Sequence[float] | None,
    seeds: Sequence[int],
    queries: int,
    feedback: Feedback | None,
) -> list[Unit]:
    """Return the units of a sweep: about an eighth of a second of compiled work each, less where there is less.

    They depend on these arguments alone, not on who will run them, so that neither do the bits.

    Parameters
    ----------
    games : sequence of PreferenceGame
    rules : sequence of str or Rule
    taus, etas : sequence of float or None
        ``None`` leaves the games' own tau and the rules' own steps.
    seeds : sequence of int
    queries : int
        Budget of each run.
    feedback : Feedback or None

    Raises
    ------
    NashsimError
        For games without a name of their own, rules without a step of their own, or nothing to run.
    """
    for name, values in (
        ("games", games),
        ("rules", rules),
        ("taus", taus),
        ("etas", etas),
        ("seeds", seeds),
    ):
        if values is not None and len(values) == 0:
            raise NashsimError(f"{name}: at least one is needed, found none")
    _require_distinct("seeds", list(seeds), "give each once")
    units: list[Unit] = []
    for together in _of_one_tau(games, taus):
        _require_distinct("games", [game.name for game in together], "name them by game.replace(name=...)")
        for chosen, label, eta in _labelled(rules, etas, together[0]):
            for _, alike in groupby(together, key=lambda game: game.actions):
                for some, from_seeds in _cut(list(alike), chosen, seeds, queries, feedback):
                    units.append(Unit(len(units), some, chosen, label, eta, from_seeds))
    keys = [(game.name, u.tau, u.label, u.eta) for u in units for game in u.games if u.seeds[0] == seeds[0]]
    _require_distinct("games, rules and steps", keys, "give each combination once")
    return units


def run_unit(unit: Unit, options: dict, folder: Path | None = None, parent: int | None = None):
    """Run a unit and return it with its records: game, tau, rule, eta, seed, step, queries, metric, value.

    Parameters
    ----------
    unit : Unit
    options : dict
        Arguments of ``run_many``.
    folder : Path or None
        Folder in which its state is kept while it runs.
    parent : int or None
        The process without which a worker ends, its state being on disk: it would outlive a sweep that was killed
        and then work beside the resumed one.

    Returns
    -------
    tuple of int and pandas.DataFrame
        The number of the unit and its records.
    """
    import pandas as pd

    if parent not in (None, os.getpid()):
        end_with(parent)
    with calm:
        runs = run_many(unit.games, unit.rule, seeds=unit.seeds, checkpoint=folder, **options)
        frame = pd.concat([run.frame() for run in runs], ignore_index=True)
    frame["rule"] = unit.label
    frame.insert(1, "tau", np.nan if unit.tau is None else float(unit.tau))
    frame.insert(3, "eta", unit.eta)
    return unit.number, frame


def _of_one_tau(games: Sequence[PreferenceGame], taus: Sequence[float] | None) -> list[list[PreferenceGame]]:
    if taus is not None:
        return [[game.replace(tau=tau) for game in games] for tau in taus]
    return [list(some) for _, some in groupby(games, key=lambda game: game.tau)]


def _labelled(rules, etas, game: PreferenceGame) -> Iterator[tuple[Rule, str, float]]:
    """Yield every rule at every step, with its name (its full text where several share a name) and the step."""
    plain = [get_rule(rule) for rule in rules]
    names = [rule.name for rule in plain]
    for rule, given in zip(plain, rules, strict=True):
        label = rule.name if names.count(rule.name) == 1 else repr(rule)
        tau = game.require_tau() if rule.regularised else game.tau
        for eta in [None] if etas is None else etas:
            if eta is not None:
                yield get_rule(given, eta=eta, tau=tau), label, float(eta)
            else:
                yield rule, label, float(rule.eta(tau)) if rule.constant else np.nan


def _cut(games, rule: Rule, seeds, queries: int, feedback) -> Iterator[tuple[list, tuple[int, ...]]]:
    """Yield (games, seeds): whole games of all seeds while they are light, single games of some seeds else."""
    cost = max(step_cost(game, rule, feedback) for game in games)
    most = max(1, UNIT // max(1, cost * queries // rule.queries_per_step))
    per_game, per_unit = min(most, len(seeds)), max(1, most // len(seeds))
    for g in range(0, len(games), per_unit):
        for s in range(0, len(seeds), per_game):
            yield games[g : g + per_unit], tuple(int(seed) for seed in seeds[s : s + per_game])


def _require_distinct(argument: str, values: list, remedy: str) -> None:
    if len(set(values)) < len(values):
        twice = next(value for value in values if values.count(value) > 1)
        raise NashsimError(f"{argument}: {twice!r} is there more than once; {remedy}")
