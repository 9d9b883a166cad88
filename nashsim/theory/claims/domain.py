"""The conditions of a claim as a set to draw from: sizes, tau, step, references, starts and kinds of games."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from ...game import PreferenceGame
from ...logspace import log_normalise
from .instance import Instance

#: Games of the catalogue that every claim without a structure of its own meets first.
CATALOGUE = (
    *("rps", "biased-rps", "dice", "three-humans", "p-eps", "comal", "condorcet-annotators"),
    *("hard-a", "hard-b", "glasgow", "minneapolis", "tldr", "rps:n=5", "rps:strength=0.2"),
)

#: Ranges that stand for any tau > 0 and for any number of actions, and what is drawn from them.
ANY_TAU, _TAUS = (1e-3, 100.0), (1e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 100.0)
ANY_ACTIONS, _SIZES = (2, 128), (2, 3, 4, 6, 12, 40, 128)
#: Actions of the largest game that a search moves in every coordinate.
_SEARCHED = 12


@dataclass(frozen=True)
class Domain:
    """What a claim's conditions admit.

    ``sample`` draws from it: sizes, tau and step from a grid of cells, so that many draws stack; games, references
    and starts at random. ``clip`` brings any instance into it, which is what a search needs.

    Attributes
    ----------
    actions : tuple of int
        Fewest and most.
    tau, step : tuple of float
        Ranges of tau and of the step, as a share of the largest that is admitted; both ends belong to them.
    reference, start : "any" or "uniform"; for the start "reference" too
    structure : callable or None
        Function from an instance to the nearest one of the kind that the claim is about.
    games : tuple of str
        Names of the catalogue, for claims about named games; empty for random ones.
    cells : int
        How many triples of size, tau and step are drawn from.
    floor : float
        No log-probability of reference or start is below its negative.
    widest_step : tuple of float or None
        Range of the step that a search may use, where the condition admits more than ``step``.
    edges : bool
        Whether the games at the edge of the conditions, ``corners``, come first.
    """

    actions: tuple[int, int] = ANY_ACTIONS
    tau: tuple[float, float] = ANY_TAU
    step: tuple[float, float] = (0.1, 1.0)
    reference: str = "any"
    start: str = "any"
    structure: Callable[[Instance], Instance] | None = None
    games: tuple[str, ...] = ()
    cells: int = 20
    floor: float = 300.0
    widest_step: tuple[float, float] | None = None
    edges: bool = True

    def widest(self) -> Domain:
        """Return what a search may use: log-probabilities go to -600; games of any size have at most 12 actions."""
        actions = (self.actions[0], _SEARCHED) if self.actions == ANY_ACTIONS else self.actions
        floor = 600.0 if self.floor == Domain.floor else self.floor
        return replace(self, actions=actions, step=self.widest_step or self.step, floor=floor)

    def sample(self, seed: int) -> Instance:
        """Return a random instance; the same seed gives the same bits.

        Parameters
        ----------
        seed : int
        """
        actions, tau, step = self.grid()[seed % self.cells]
        rng = np.random.default_rng(np.random.SeedSequence([seed, 0x5EED]))
        if self.games:
            return self.named(self.games[seed % len(self.games)], tau, step, rng)
        skew = _skew(rng, actions, seed // self.cells)
        # a deep domain is searched: half of its draws have logits of the size of payoffs/tau, or as deep as they go
        scales = (2.0, 2.0, min(2 / tau, 0.2 * self.floor), 0.2 * self.floor)
        scale = scales[rng.integers(4)] if self.floor > 30 else 2.0
        log_reference = log_normalise(_logits(rng, actions, scale))
        log_start = log_normalise(_logits(rng, actions, scale))
        if seed % 3 == 0:
            log_start = log_reference
        return self.clip(Instance(skew, log_reference, log_start, tau, step, f"random-{seed}"))

    def named(self, name: str, tau: float, step: float, rng: np.random.Generator) -> Instance:
        """Return an instance on a game of the catalogue.

        Parameters
        ----------
        name : str
        tau, step : float
        rng : numpy.random.Generator
            Draws the reference and the start.
        """
        from ... import games

        return self.on(games.get(name, defaults={"tau": tau}), tau, step, rng)

    def on(self, game: PreferenceGame, tau: float, step: float, rng: np.random.Generator) -> Instance:
        """Return an instance on a game's first context, with its own reference unless that is uniform.

        Parameters
        ----------
        game : PreferenceGame
        tau, step : float
        rng : numpy.random.Generator
            Draws the reference, where the game's is uniform, and the start.
        """
        own = game.log_reference[0]
        if np.ptp(own) == 0:
            own = log_normalise(_logits(rng, game.actions, 1.0))
        start = log_normalise(_logits(rng, game.actions, 1.0))
        return self.clip(Instance(game.preference.dense()[0], own, start, tau, step, game.name))

    def grid(self) -> list[tuple[int, float, float]]:
        """Return the cells (actions, tau, step), every end of every range among them."""
        return _grid(self)

    def clip(self, instance: Instance) -> Instance:
        """Return the instance brought inside: ranges, signs, normalisation, structure.

        Parameters
        ----------
        instance : Instance
        """
        upper = np.triu(np.clip(instance.skew, -0.5, 0.5), 1)
        log_reference = log_normalise(np.maximum(log_normalise(instance.log_reference), -self.floor))
        log_start = log_normalise(np.maximum(log_normalise(instance.log_start), -self.floor))
        uniform = np.full(instance.actions, -np.log(instance.actions))
        if self.reference == "uniform":
            log_reference = uniform
        if self.start != "any":
            log_start = log_reference if self.start == "reference" else uniform
        clipped = instance.replace(
            skew=upper - upper.T,
            log_reference=log_reference,
            log_start=log_start,
            tau=float(np.clip(instance.tau, *self.tau)),
            step=float(np.clip(instance.step, *self.step)),
        )
        return self.structure(clipped) if self.structure else clipped

    def admits(self, actions: int) -> bool:
        """Whether a game of so many actions can be put here as it is; a structure or games of its own exclude others.

        Parameters
        ----------
        actions : int
        """
        return not self.games and self.structure is None and self.actions[0] <= actions

    def around(self, game: PreferenceGame, seed: int = 0) -> tuple[Instance, ...]:
        """Return instances on one game: its contexts, its own tau or every tau here, steps and starts of the grid.

        Parameters
        ----------
        game : PreferenceGame
        seed : int
        """
        return _around(self, game, seed)

    def instances(self, count: int, seed: int = 0) -> tuple[Instance, ...]:
        """Return the catalogue's games that belong here, then random ones, ``count`` in all.

        Parameters
        ----------
        count, seed : int
        """
        return _instances(self, count, seed)


@lru_cache(maxsize=64)
def _grid(domain: Domain) -> list[tuple[int, float, float]]:
    def spread(ends, how, number):
        return how(*ends, number) if ends[0] < ends[1] else np.full(number, ends[0])

    rng = np.random.default_rng(0)
    sizes = np.unique(spread(domain.actions, np.geomspace, 5).round()).astype(int)
    sizes = np.array(_SIZES) if domain.actions == ANY_ACTIONS else sizes
    taus = np.array(_TAUS) if domain.tau == ANY_TAU else spread(domain.tau, np.geomspace, 5)
    steps = spread(domain.step, np.linspace, 4)[::-1]
    # columns of a Latin kind: each list is gone through evenly, against the others at random
    columns = [np.resize(values, domain.cells) for values in (sizes, taus, steps)]
    sizes, taus, steps = (rng.permutation(column) for column in columns)
    return [
        (int(n), float(f"{tau:.6g}"), float(step)) for n, tau, step in zip(sizes, taus, steps, strict=True)
    ]


@lru_cache(maxsize=64)
def _instances(domain: Domain, count: int, seed: int) -> tuple[Instance, ...]:
    drawn = list(corners(domain)[: count // 4])
    if not domain.games and domain.structure is None:
        for k, name in enumerate(CATALOGUE[: count // 4]):
            rng = np.random.default_rng(np.random.SeedSequence([seed, k, 0xCA7]))
            _, tau, step = domain.grid()[k % domain.cells]
            instance = domain.named(name, tau, step, rng)
            if domain.actions[0] <= instance.actions:
                drawn.append(instance)
    return (*drawn, *(domain.sample(seed * 1_000_003 + k) for k in range(count - len(drawn))))


@lru_cache(maxsize=64)
def corners(domain: Domain) -> tuple[Instance, ...]:
    """Return games at the edge of the conditions, where bounds are known to be tight, brought inside."""
    if domain.games or not domain.edges:
        return ()
    low, high = domain.step
    # a reference of e^(-1/tau - 6) is as rare as one may be
    taus = dict.fromkeys(float(np.clip(tau, *domain.tau)) for tau in (1 / (domain.floor - 10), 0.3))
    made = []
    for tau in taus:
        if domain.admits(3):
            made.append(chain(tau, high))
        if domain.actions[0] == 2:
            # a start far from an equilibrium: the Pinsker terms of the proofs weigh nothing
            made += [sure(tau, step, rare) for step in (low, high) for rare in (-100.0, 100.0)]
    return tuple(domain.clip(instance) for instance in made)


def chain(tau: float, step: float = 1.0) -> Instance:
    """Return three actions, 0 beats 1 beats 2 surely, each so much rarer than the next that 1 is the equilibrium.

    Then tau log(pi*/mu) of 0 is near P(0 ≻ 1) = 1, for which mu(0) must be below e^(-1/tau).
    """
    skew = 0.5 * np.array([[0.0, 1, 1], [-1, 0, 1], [-1, -1, 0]])
    log_reference = log_normalise(np.array([-1 / tau - 6.0, -0.5 / tau + 5.0, 0.0]))
    return Instance(skew, log_reference, log_reference, tau, step, f"chain-{tau:g}")


def sure(tau: float, step: float, logit: float) -> Instance:
    """Return two actions of which the first beats the other surely, from a start of the given logit for the first."""
    skew = 0.5 * np.array([[0.0, 1], [-1, 0]])
    start = log_normalise(np.array([logit, 0.0]))
    return Instance(skew, np.log([0.5, 0.5]), start, tau, step, f"sure-{tau:g}-{logit:g}")


def _around(domain: Domain, game: PreferenceGame, seed: int) -> tuple[Instance, ...]:
    rng = np.random.default_rng(np.random.SeedSequence([seed, 0xA0D]))
    found = []
    for x in range(game.contexts):
        for _, tau, step in domain.grid():
            start = log_normalise(_logits(rng, game.actions, 1.0))
            tau = tau if game.tau is None else game.tau
            skew, reference = game.preference.dense()[x], game.log_reference[x]
            found.append(domain.clip(Instance(skew, reference, start, tau, step, game.name)))
    return tuple(found)


def _logits(rng: np.random.Generator, actions: int, scale: float) -> np.ndarray:
    return rng.normal(size=actions) * scale * rng.uniform()


def _skew(rng: np.random.Generator, actions: int, kind: int) -> np.ndarray:
    """Uniform, sure, sparse, cyclic with a tilt, Bradley-Terry: one kind after the other."""
    values = rng.uniform(-0.5, 0.5, (actions, actions))
    match kind % 5:
        case 1:
            values = np.where(values > 0, 0.5, -0.5)
        case 2:
            values = np.where(rng.uniform(size=values.shape) < 0.4, values, 0.0)
        case 3:
            turn = (np.arange(actions)[:, None] - np.arange(actions)) % actions
            values = (
                np.where(2 * turn < actions, 0.45, np.where(2 * turn > actions, -0.45, 0.0)) + 0.1 * values
            )
        case 4:
            rewards = rng.normal(size=actions) * 2
            values = 0.5 * np.tanh(0.5 * (rewards[:, None] - rewards))
    upper = np.triu(np.clip(values, -0.5, 0.5), 1)
    return upper - upper.T
