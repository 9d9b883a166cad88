"""The solutions that take a number or games of their own: k samples, several criteria, risk aversion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..errors import NashsimError
from ..game import PreferenceGame
from ..preferences import AnnotatorPreference, DensePreference
from .blackwell import blackwell_winner
from .risk import CVaRPolicy, cvar_policy, cvar_users
from .samples import sample_nash


@dataclass(frozen=True, eq=False)
class Found:
    """A solution of a game beside those of :data:`~nashsim.solutions.CONCEPTS`.

    Attributes
    ----------
    probabilities : ndarray, shape (contexts, actions)
    definition : str
        The policy in one line of mathematics.
    note : str
        A sentence, empty where all is plain.
    facts : dict of str to object
        What it promises and what was reached, as plain values.
    """

    probabilities: np.ndarray
    definition: str
    note: str = ""
    facts: dict[str, object] = field(default_factory=dict)


#: Solutions that an argument of :func:`~nashsim.solutions.solutions` adds, with the option that gives it.
ARGUMENTS = {
    "samples": ("samples", "--samples K"),
    "blackwell": ("criteria", "--criterion SOURCE"),
    "cvar": ("alpha", "--alpha A"),
    "cvar-users": ("alpha", "--alpha A"),
}


def users_of(game: PreferenceGame) -> tuple[np.ndarray, np.ndarray] | None:
    """Return utilities in units of the choices' noise, shape (users, actions), and shares; None where unknown."""
    if isinstance(game.preference, AnnotatorPreference):
        return game.preference.rewards, game.preference.weights
    return game.preference.users if isinstance(game.preference, DensePreference) else None


def further(
    game: PreferenceGame,
    contexts: Sequence[PreferenceGame],
    samples: int | None = None,
    alpha: float | None = None,
    criteria: Sequence[PreferenceGame] = (),
) -> dict[str, Found]:
    """Return what was asked for, by name: ``samples``, ``blackwell``, ``cvar``, ``cvar-users``.

    Parameters
    ----------
    game : PreferenceGame
    contexts : sequence of PreferenceGame
        Its contexts, each a game of its own.
    samples : int or None
        k, for a game whose users are known.
    alpha : float or None
        Share of the worst opponents, and of the worst-off users where they are known.
    criteria : sequence of PreferenceGame
        Further criteria on the same responses; the game is the first.

    Raises
    ------
    NashsimError
        For samples of a game without users, criteria that do not fit, or numbers out of range.
    """
    made, users = {}, users_of(game)
    if samples is not None:
        if users is None:
            raise NashsimError(
                "samples: a choice among k + 1 responses needs users with utilities, which a table of pairs has not,"
                f" found {game.name!r}; give a table of utilities (--utilities) or take `condorcet-annotators`"
            )
        made["samples"] = _samples(users, samples)
    if criteria:
        made["blackwell"] = _blackwell([game, *criteria])
    if alpha is not None:
        found = [cvar_policy(one, alpha) for one in contexts]
        made["cvar"] = _cvar(found, "argmax_pi CVaR_alpha over y' ~ mu of P(pi ≻ y')", game)
        if users is not None:
            found = [cvar_users(users[0], alpha, users[1])]
            made["cvar-users"] = _cvar(
                found, "argmax_pi min_y' CVaR_alpha over users u of P_u(pi ≻ y')", game
            )
    return made


def _samples(users, samples: int) -> Found:
    found = sample_nash(users[0], samples, users[1])
    return Found(
        found.probabilities[None],
        f"symmetric Nash policy of k + 1 players who each send one response to a user who takes one, k = {samples}",
        facts={"samples": samples, "promise": found.promise, "worst_choice_rate": found.worst_win_rate,
               "gap": found.gap},
    )  # fmt: skip


def _blackwell(criteria: list[PreferenceGame]) -> Found:
    found = blackwell_winner(criteria)
    names = [game.name for game in criteria]
    names = [name if names.count(name) == 1 else f"{name} ({k + 1})" for k, name in enumerate(names)]
    return Found(
        found.probabilities[None],
        "argmax_pi min_i -tau log E_(y'~mu) exp(-P_i(pi ≻ y')/tau) over criteria i",
        facts={"value": found.value, "by_criterion": dict(zip(names, found.by_criterion.tolist(), strict=True)),
               "gap": found.gap},
    )  # fmt: skip


def _cvar(found: list[CVaRPolicy], definition: str, game: PreferenceGame) -> Found:
    several = sum(not one.unique for one in found)
    where = f" in {several} of {len(found)} contexts" if len(found) > 1 else ""
    return Found(
        np.stack([one.probabilities for one in found]),
        definition,
        f"Several policies are best{where}; this is one of least largest probability." if several else "",
        {"alpha": found[0].alpha, "value": float(game.weights @ [one.value for one in found]),
         "gap": max(one.gap for one in found)},
    )  # fmt: skip
