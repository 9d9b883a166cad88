"""The solutions of one game side by side: each a policy on the same table, and what they do to each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ..equilibrium.certificate import average
from ..errors import NashsimError, unknown_name
from ..game import PreferenceGame, check_tau
from ..preferences import DensePreference, check_dense
from .concept import Table
from .further import ARGUMENTS, further, users_of
from .samples import check_users

if TYPE_CHECKING:
    import pandas as pd

_MOST_ACTIONS = 5000


@dataclass(frozen=True, eq=False)
class Solutions:
    """The policies of several solution concepts on one game.

    Attributes
    ----------
    game : PreferenceGame
        Game with the tau of its regularised concepts.
    probabilities : dict of str to ndarray, shape (contexts, actions)
        The policies by the name of their concept.
    definitions, notes : dict of str to str
        What each concept is, and a sentence where something is to be said; by the same names.
    conventions : dict of str to object
        The numbers that concepts took, and how.
    utilities : ndarray or None, shape (users, actions)
        Utilities of the users, where they are known.
    shares : ndarray or None, shape (users,)
        Share of each user.
    facts : dict of str to dict
        What samples, Blackwell winner and CVaR promise and reach, by the name of their solution.
    """

    game: PreferenceGame
    probabilities: dict[str, np.ndarray]
    definitions: dict[str, str]
    notes: dict[str, str]
    conventions: dict[str, object]
    utilities: np.ndarray | None = None
    shares: np.ndarray | None = None
    facts: dict[str, dict] = field(default_factory=dict)

    @property
    def policies(self) -> dict[str, pd.Series]:
        """The policies by concept, with their labels."""
        return {name: self.game.label_probabilities(p) for name, p in self.probabilities.items()}

    @property
    def win_rates(self) -> pd.DataFrame:
        """P(row's policy ≻ column's policy), averaged over contexts, with the reference as the last of each."""
        import pandas as pd

        policies = {**self.probabilities, "reference": self.game.reference}
        payoffs = {name: self.game.preference.margin(p) for name, p in policies.items()}
        rows = [
            [self._mean((p * payoffs[other]).sum(axis=1)) + 0.5 for other in policies]
            for p in policies.values()
        ]
        return pd.DataFrame(rows, index=list(policies), columns=list(policies))

    @property
    def worst_win_rates(self) -> dict[str, float]:
        """min_y P(policy ≻ y) by concept, averaged over contexts; 1/2 for the lottery, and for nothing more."""
        # P(pi ≻ y) - 1/2 = -(P(y ≻ pi) - 1/2)
        return {
            name: 0.5 - self._mean(self.game.preference.margin(p).max(axis=1))
            for name, p in self.probabilities.items()
        }

    @property
    def welfare(self) -> dict[str, float] | None:
        """E_u U_u(policy) by concept, ``None`` where no utilities are known."""
        if self.utilities is None or self.shares is None:
            return None
        mean = self.shares @ self.utilities
        return {name: self._mean(p @ mean) for name, p in self.probabilities.items()}

    def _by_label(self, policy: np.ndarray) -> dict:
        rows = [dict(zip(self.game.labels, row.tolist(), strict=True)) for row in policy]
        return rows[0] if len(rows) == 1 else {str(context): row for context, row in enumerate(rows)}

    def _mean(self, values: np.ndarray) -> float:
        return average(self.game, values)

    def _repr_html_(self) -> str:
        from ..html import card, policy_table

        policies = np.array([p[0] for p in self.probabilities.values()])
        first = {} if self.game.contexts == 1 else {"policies of": f"context 0 of {self.game.contexts}"}
        facts = {"game": self.game.name, "tau": self.game.tau, **first}
        below = policy_table(self.game.labels, policies, list(self.probabilities), most=len(policies))
        return card("Solutions", facts, below, note=" ".join(self.notes.values()))

    def frame(self) -> pd.DataFrame:
        """Return a tidy DataFrame: game, tau, solution, label, probability (and context where there are several)."""
        import pandas as pd

        parts = []
        for name, policy in self.policies.items():
            part = policy.rename_axis(
                ["context", "label"] if self.game.contexts > 1 else "label"
            ).reset_index()
            parts.append(part.assign(game=self.game.name, tau=self.game.tau, solution=name))
        return pd.concat(parts, ignore_index=True)

    def to_dict(self) -> dict:
        """Return everything as plain values, ready for JSON; policies by context first where there are several."""
        rates, worst, welfare = self.win_rates, self.worst_win_rates, self.welfare
        found = {}
        for name, policy in self.probabilities.items():
            found[name] = {
                "policy": self._by_label(policy),
                "worst_win_rate": worst[name],
                "against_reference": float(rates.loc[name, "reference"]),
                "definition": self.definitions[name],
                **self.facts.get(name, {}),
            }
            if welfare is not None:
                found[name]["welfare"] = welfare[name]
            if self.notes[name]:
                found[name]["note"] = self.notes[name]
        return {
            "game": self.game.name,
            "tau": self.game.tau,
            "conventions": self.conventions,
            "solutions": found,
            "win_rates": rates.to_dict("index"),
        }


def solutions(
    game: PreferenceGame,
    tau: float | None = None,
    *,
    concepts: Sequence[str] | None = None,
    beta: float | None = None,
    tau_follower: float | None = None,
    tau_leader: float | None = None,
    utilities=None,
    shares=None,
    samples: int | None = None,
    alpha: float | None = None,
    criteria: Sequence[PreferenceGame] = (),
) -> Solutions:
    """Return the policies of several solution concepts on the same game, side by side.

    Parameters
    ----------
    game : PreferenceGame
    tau : float or None
        Regularisation > 0 of the Nash policy and of RLHF; ``None`` is the game's own.
    concepts : sequence of str or None
        Names of concepts; ``None`` is all. Those of ``samples``, ``alpha`` and ``criteria`` come with these.
    beta : float or None
        Sharpness of the proportional solution, >= 0; ``None`` is 1/tau.
    tau_follower, tau_leader : float or None
        Regularisations of the Stackelberg players; ``None`` is tau.
    utilities : array_like or None, shape (users, actions)
        Utilities of users, for the welfare of each solution; ``None`` takes the rewards of annotators, and tells no
        welfare of any other game.
    shares : array_like or None, shape (users,)
        Share of each user; ``None`` is the annotators' own, else uniform.
    samples : int or None
        k: adds ``samples``, the Nash policy of k + 1 players, of a game whose users are known; see
        :func:`~nashsim.solutions.sample_nash`.
    alpha : float or None
        Share in (0, 1]: adds ``cvar``, averse to the worst opponents, and ``cvar-users`` where users are known, see
        :func:`~nashsim.solutions.cvar_policy` and :func:`~nashsim.solutions.cvar_users`.
    criteria : sequence of PreferenceGame
        Further criteria on the same responses: adds ``blackwell``, see :func:`~nashsim.solutions.blackwell_winner`.

    Returns
    -------
    Solutions

    Raises
    ------
    NashsimError
        For a game without tau where none is given, an unknown concept, or a number outside its range.

    Examples
    --------
    COMAL's game, arXiv 2410.23223 [paper]; its lottery is (4, 3, 4)/11:

    >>> game = PreferenceGame([[0.5, 0.1, 0.8], [0.9, 0.5, 0.1], [0.2, 0.9, 0.5]], labels=["a", "b", "c"])
    >>> found = solutions(game, tau=0.1, concepts=["lottery", "borda", "copeland"])
    >>> {name: policy.round(3).to_list() for name, policy in found.policies.items()}
    {'lottery': [0.364, 0.273, 0.364], 'borda': [0.0, 0.0, 1.0], 'copeland': [0.333, 0.333, 0.333]}
    """
    from .registry import CONCEPTS  # which imports every module of this folder

    game = game if tau is None else game.replace(tau=tau)
    tau = game.require_tau()
    if not isinstance(game.preference, DensePreference):
        check_dense(game.actions, "solutions", _MOST_ACTIONS)
    by_name = {concept.name: concept for concept in CONCEPTS}
    names = list(by_name) if concepts is None else list(concepts)
    given = {"samples": samples, "alpha": alpha, "criteria": criteria or None}
    for name in names:
        argument, option = ARGUMENTS.get(name, ("", ""))
        if argument and given[argument] is None:
            raise NashsimError(f"{argument}: the solution {name!r} needs this argument ({option})")
        if name not in by_name and not argument:
            raise unknown_name("solution", name, [*by_name, *ARGUMENTS])
    names = [name for name in names if name in by_name]
    numbers = {
        "beta": 1 / tau if beta is None else _at_least_zero(beta),
        "tau_follower": tau if tau_follower is None else check_tau(tau_follower, "tau_follower"),
        "tau_leader": tau if tau_leader is None else check_tau(tau_leader, "tau_leader"),
    }
    contexts = [_context(game, c) for c in range(game.contexts)]
    tables = [Table(one, **numbers) for one in contexts]
    probabilities, notes = {}, {}
    for name in names:
        found = [by_name[name]().policy(table) for table in tables]
        probabilities[name] = np.stack([policy for policy, _ in found])
        notes[name] = " ".join(dict.fromkeys(note for _, note in found if note))
    definitions = {name: by_name[name].definition for name in names}
    facts = {}
    for name, one in further(game, contexts, samples, alpha, criteria).items():
        probabilities[name], definitions[name], notes[name], facts[name] = (
            one.probabilities, one.definition, one.note, one.facts,
        )  # fmt: skip
    known, weights = _users(game, utilities, shares)
    return Solutions(
        game=game,
        probabilities=probabilities,
        definitions=definitions,
        notes=notes,
        conventions={
            "tau": tau,
            **numbers,
            "regulariser": game.regulariser.word,
            "rlhf": "Bradley-Terry by maximum likelihood on pairs y, y' ~ mu, then KL to mu at tau",
            "reference": "mu is the game's own; lottery, borda, copeland, minimax and proportional take no mu",
            "ties": "responses that share the best score share the mass",
            "worst_win_rate": "min_y P(policy ≻ y) over all responses",
        },
        utilities=known,
        shares=weights,
        facts=facts,
    )


def _context(game: PreferenceGame, context: int) -> PreferenceGame:
    """Return one context of a game as a game of its own."""
    if game.contexts == 1:
        return game
    return PreferenceGame(
        DensePreference(game.preference.dense()[context : context + 1]),
        log_reference=game.log_reference[context],
        tau=game.tau,
        labels=game.labels,
        name=game.name,
        regulariser=game.regulariser,
    )


def _at_least_zero(beta) -> float:
    if not (np.isfinite(beta) and beta >= 0):
        raise NashsimError(f"beta: a finite number >= 0 is needed, found {beta!r}")
    return float(beta)


def _users(game: PreferenceGame, utilities, shares) -> tuple[np.ndarray | None, np.ndarray | None]:
    if utilities is None:
        users = users_of(game)
        if users is None:
            return None, None
        utilities, shares = users[0], users[1] if shares is None else shares
    known, weights = check_users(utilities, shares)
    if known.shape[1] != game.actions:
        raise NashsimError(
            f"utilities: a finite matrix (users, {game.actions}) is needed, found shape {known.shape}"
        )
    return known, weights
