"""Styled text: a small language model is taught a small English, and styles beat each other in a cycle.

The class of a response is its first token's, so class masses are exact under any language model, however rare a
class; the equilibrium is that of the class game, pi*(y) = mu(y | c) m*(c) [derived].
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch

from nashsim.errors import NashsimError

from ..decoding.eager import sample
from ..decoding.features import ClassFeatures
from ..decoding.roles import pure
from ..judges import ClassGameJudge, check_preference
from ..policy.causal_policy import CausalPolicy
from .class_equilibrium import ClassGame, within_class_estimate
from .grammar import Grammar
from .taught_model import TaughtModel


@dataclass(frozen=True, eq=False)
class StyledTask(TaughtModel):
    """A language model that writes in styles, and a judge that prefers one style to another.

    Parameters
    ----------
    grammar, size, teaching, seed, cache, device
        Arguments of ``TaughtModel``: the reference.
    preference : array_like, shape (styles, styles), or None
        P with the row preferred; ``None`` is a cycle, each style beating the next with ``strength``.
    strength : float
        Probability in the cycle, in [0, 1].
    loses : float
        Probability that ``other`` is preferred to a style; 0: it loses surely.
    tau : float
        Weight of the regularisation, > 0.

    Raises
    ------
    NashsimError
        For a preference that is none, an unknown size, or numbers out of range.
    """

    preference: np.ndarray | None = None
    strength: float = 0.9
    loses: float = 0.0
    tau: float = 0.1
    name: str = field(default="styled", init=False)

    def __post_init__(self):
        super().__post_init__()
        if not (0 <= self.strength <= 1 and 0 <= self.loses <= 1) or not self.tau > 0:
            raise NashsimError(
                "strength, loses, tau: probabilities, and tau > 0, are needed,"
                f" found {self.strength}, {self.loses}, {self.tau}"
            )
        styles = self.grammar.styles
        between = cycle(len(styles), self.strength) if self.preference is None else self.preference
        between = check_preference(between)
        if len(between) != len(styles):
            raise NashsimError(f"preference: {len(styles)} styles need as many rows, found {len(between)}")
        full = np.full((len(styles) + 1,) * 2, self.loses)
        full[:-1, :-1], full[:-1, -1], full[-1, -1] = between, 1 - self.loses, 0.5
        object.__setattr__(self, "preference", check_preference(full))

    @classmethod
    def rare(cls, tau: float = 0.05, a: float = 0.25, other: float = 1e-3, **options) -> StyledTask:
        """Return the task whose winning style has reference mass exp(-a/tau): hard instance B on a language model.

        ``playful`` surely beats ``formal``. Until it is drawn, after about exp(a/tau) responses, an on-policy method
        has nothing to learn from, and its one-sided gap a round stays about 1/2 - a [derived].

        Parameters
        ----------
        tau : float
            Weight of the regularisation, > 0.
        a : float
            Exponent of the mass, in (0, 1/2).
        other : float
            Mass of ``other``.
        **options
            Further arguments of the class, and ``topics`` of the grammar.

        Raises
        ------
        NashsimError
            For tau or a out of range.
        """
        if not tau > 0 or not 0 < a < 0.5:
            raise NashsimError(f"tau, a: tau > 0 and a in (0, 1/2) are needed, found {tau} and {a}")
        mass = float(np.exp(-a / tau))
        grammar = Grammar(("formal", "playful"), (1 - mass - other, mass), options.pop("topics", 12))
        return cls(grammar, preference=np.array([[0.5, 0.0], [1.0, 0.5]]), tau=tau, **options)

    @property
    def names(self) -> tuple[str, ...]:
        """The classes."""
        return self.grammar.names

    @cached_property
    def judge(self) -> ClassGameJudge:
        """The judge whose equilibrium this is."""
        return ClassGameJudge(self.preference, self.grammar.classify)

    @property
    def features(self) -> ClassFeatures:
        """Styles as features of responses, with the tokens that open them."""
        classes, count = self.grammar.token_classes, len(self.names)
        return ClassFeatures(
            self.grammar.classify, count, [np.flatnonzero(classes == c).tolist() for c in range(count)]
        )

    @torch.no_grad()
    def class_game(self, policy: CausalPolicy, of: str = "reference") -> ClassGame:
        """Return the class game against a policy's reference, a context a prompt.

        Parameters
        ----------
        policy : CausalPolicy
            Policy with that name.
        of : str
            Name of the policy that is the reference.
        """
        assert self.preference is not None  # __post_init__ fills it
        return ClassGame(self.preference, self._masses(policy, of), self.tau, self.names)

    def _masses(self, policy: CausalPolicy, of: str) -> np.ndarray:
        with torch.no_grad():
            return self.log_masses(policy, self.prompts, of).double().log_softmax(1).cpu().numpy()

    @torch.no_grad()
    def measure(
        self, policy: CausalPolicy, seed: int = 0, draws: int = 32, of: str = "policy"
    ) -> dict[str, float]:
        """Return how far a policy is from the exact equilibrium, averaged over prompts.

        ``class_gap``, ``class_kl_to_equilibrium`` and ``mass NAME`` are exact; ``within_class_gap`` is estimated from
        responses drawn, an unbiased mean with the half width of its normal 95% interval; ``duality_gap`` is their sum.

        Parameters
        ----------
        policy : CausalPolicy
            Policy with that name.
        seed : int
            Seed of the responses drawn.
        draws : int
            Responses a prompt, >= 2.
        of : str
            Name of the policy to measure.
        """
        game, masses = self.class_game(policy), self._masses(policy, of)
        prompts = [prompt for prompt in self.prompts for _ in range(draws)]
        drawn = sample(policy, prompts, {"measure": pure(of, seed)}, self.length)["measure"].sequences
        responses = drawn.responses()
        rows = np.repeat(np.arange(len(self.prompts)), draws)
        classes = np.array([self.grammar.classify(None, response) for response in responses])
        log_policy, log_reference = (
            policy.sequence_log_probs(drawn, name).double().cpu().numpy() for name in (of, "reference")
        )
        # equally many draws of every prompt: the mean over all is the mean over prompts
        within, error = within_class_estimate(
            log_policy, log_reference, masses[rows, classes], game.log_reference[rows, classes], self.tau
        )
        between = float(game.gap(masses).mean())
        m = np.exp(masses)
        apart = np.exp(game.log_equilibrium) * (game.log_equilibrium - masses)
        return {
            "duality_gap": between + within,
            "class_gap": between,
            "within_class_gap": within,
            "within_class_half_width": 1.96 * error,
            "class_kl_to_equilibrium": float(apart.sum(1).mean()),
            "sentences": float(
                np.mean([self.grammar.is_sentence(x, y) for x, y in zip(prompts, responses, strict=True)])
            ),
            "response_length": float(np.mean([len(response) for response in responses])),
            **{f"mass {name}": float(mass) for name, mass in zip(self.names, m.mean(0), strict=True)},
        }


def cycle(count: int, strength: float) -> np.ndarray:
    """Return the preference in which each of ``count`` styles beats the next with ``strength``, ties elsewhere.

    Parameters
    ----------
    count : int
        Number of styles.
    strength : float
        Probability that a style is preferred to the next.

    Examples
    --------
    >>> cycle(3, 0.9)
    array([[0.5, 0.9, 0.1],
           [0.1, 0.5, 0.9],
           [0.9, 0.1, 0.5]])
    """
    matrix = np.full((count, count), 0.5)
    if count == 1:
        return matrix
    for c in range(count if count > 2 else 1):
        after = (c + 1) % count
        matrix[c, after], matrix[after, c] = strength, round(1 - strength, 12)
    return matrix
