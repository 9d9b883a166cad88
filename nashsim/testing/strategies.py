"""Hypothesis strategies for games, policies, references and rules."""

from __future__ import annotations

import numpy as np

from ..errors import NashsimError
from ..game import PreferenceGame
from ..rules import RULES


def _strategies():
    try:
        from hypothesis import strategies
    except ImportError:
        raise NashsimError(
            "strategies: hypothesis is needed; install it with pip install 'nashsim[test]'"
        ) from None
    return strategies


def policies(actions: int, least: float = 1e-6):
    """Return a strategy for policies as probabilities, shape (actions,); it shrinks towards uniform.

    Parameters
    ----------
    actions : int
    least : float
        Least mass of an action before normalisation, > 0.
    """
    st = _strategies()
    weights = st.lists(st.floats(0, 1), min_size=actions, max_size=actions)
    return weights.map(lambda w: (least + np.array(w)) / (least * actions + np.sum(w)))


def references(actions: int, least: float = 1e-6):
    """Return a strategy for references as probabilities, shape (actions,): uniform, or any policy.

    Parameters
    ----------
    actions : int
    least : float
        As for ``policies``.
    """
    st = _strategies()
    return st.one_of(st.just(np.full(actions, 1 / actions)), policies(actions, least))


def games(actions: tuple[int, int] = (2, 6), tau: tuple[float, float] = (0.05, 2.0)):
    """Return a strategy for games with reference and tau; it shrinks towards few actions, all indifferent.

    Parameters
    ----------
    actions : tuple of int
        Fewest and most.
    tau : tuple of float
        Least and largest.
    """
    st = _strategies()

    @st.composite
    def draw_game(draw):
        n = draw(st.integers(*actions))
        margin = st.one_of(st.sampled_from([0.0, 0.5, -0.5]), st.floats(-0.5, 0.5))
        upper = np.zeros((n, n))
        upper[np.triu_indices(n, 1)] = draw(
            st.lists(margin, min_size=n * (n - 1) // 2, max_size=n * (n - 1) // 2)
        )
        mu = draw(references(n))
        return PreferenceGame(upper - upper.T + 0.5, mu, tau=draw(st.floats(*tau)), name="drawn")

    return draw_game()


def rules(fixed_point: bool | None = None):
    """Return a strategy for the package's rules at their default steps.

    Parameters
    ----------
    fixed_point : bool or None
        Only those with pi* as a fixed point, or without; ``None`` is all.
    """
    found = [cls() for cls in RULES if fixed_point is None or cls.fixed_point is fixed_point]
    return _strategies().sampled_from(found)
