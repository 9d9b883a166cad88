"""A class game gives a language model an exact equilibrium: what it is, and how far a policy is from it.

If P(y, y') depends only on the classes of y and y', then pi*(y) = mu(y | c) m*(c), with m* the regularised Nash of
the small game between classes, played against the reference's class masses [derived].
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nashsim.errors import NashsimError

from ..judges import check_preference


@dataclass(frozen=True, eq=False)
class ClassGame:
    """The game between classes of responses, one context a prompt.

    Attributes
    ----------
    preference : ndarray, shape (classes, classes)
        Preference P between classes with the row preferred.
    log_reference : ndarray, shape (prompts, classes)
        Logarithms of the reference's class masses, every prompt's summing to 1.
    tau : float
        Weight of the regularisation, > 0.
    names : tuple of str
        Names of the classes.
    """

    preference: np.ndarray
    log_reference: np.ndarray
    tau: float
    names: tuple[str, ...]

    def __post_init__(self):
        object.__setattr__(self, "preference", check_preference(self.preference))
        if self.log_reference.shape[1:] != (len(self.preference),) or len(self.names) != len(self.preference):
            raise NashsimError(
                f"log_reference, names: {len(self.preference)} classes are needed,"
                f" found {self.log_reference.shape[1:]} and {len(self.names)}"
            )

    @cached_property
    def game(self):
        """The same as a ``nashsim.PreferenceGame``, a context a prompt."""
        from nashsim.game import PreferenceGame

        prompts = len(self.log_reference)
        stack = np.broadcast_to(self.preference, (prompts, *self.preference.shape))
        return PreferenceGame(
            stack, log_reference=self.log_reference, tau=self.tau, labels=self.names, name="classes"
        )

    @cached_property
    def log_equilibrium(self) -> np.ndarray:
        """Log of the equilibrium's class masses m*, shape (prompts, classes), by ``nashsim.solve``."""
        from nashsim.equilibrium import solve

        return solve(self.game).log_policy

    def gap(self, log_masses: np.ndarray) -> np.ndarray:
        """Return the dual gap of class masses, 2 tau KL(m || BR_tau(m)), shape (prompts,).

        A lower bound of the sequence gap, which exceeds it by exactly 2 tau E_{c ~ m} KL(pi(. | c) || mu(. | c))
        [derived]; see :func:`within_class_gap`.

        Parameters
        ----------
        log_masses : ndarray, shape (prompts, classes)
            Logarithms of the policy's class masses.
        """
        from nashsim.logspace import kl, log_normalise

        payoff = np.exp(log_masses) @ self.preference.T
        return 2 * self.tau * kl(log_masses, log_normalise(self.log_reference + payoff / self.tau))


def within_class_gap(log_policy, log_reference, classes, count: int, tau: float) -> np.ndarray:
    """Return 2 tau E_{c ~ pi} KL(pi(. | c) || mu(. | c)), shape (prompts,): what completes the class gap.

    Parameters
    ----------
    log_policy, log_reference : ndarray, shape (prompts, responses)
        Log-probabilities of every response under either policy.
    classes : ndarray of int, shape (responses,)
        Class of every response.
    count : int
        Number of classes.
    tau : float
        Weight of the regularisation.
    """
    conditional = log_policy - class_log_masses(log_policy, classes, count)[:, classes]
    reference = log_reference - class_log_masses(log_reference, classes, count)[:, classes]
    return 2 * tau * (np.exp(log_policy) * (conditional - reference)).sum(axis=1)


def within_class_estimate(log_policy, log_reference, log_masses, log_reference_masses, tau: float):
    """Return an estimate of the within-class term from responses drawn from the policy, and its standard error.

    The mean of 2 tau [log pi(y)/m(c(y)) - log mu(y)/mu(c(y))] over y ~ pi is unbiased.

    Parameters
    ----------
    log_policy, log_reference : ndarray, shape (draws,)
        Log-probabilities of the responses drawn.
    log_masses, log_reference_masses : ndarray, shape (draws,)
        Logarithms of the masses of their classes under either policy.
    tau : float
        Weight of the regularisation.

    Returns
    -------
    estimate, standard_error : float
    """
    values = 2 * tau * ((log_policy - log_masses) - (log_reference - log_reference_masses))
    if len(values) < 2:
        raise NashsimError(
            f"log_policy: at least 2 draws are needed for a standard error, found {len(values)}"
        )
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))


def class_log_masses(log_policy: np.ndarray, classes: np.ndarray, count: int) -> np.ndarray:
    """Return log sum_{y in c} pi(y), shape (prompts, count), -inf for a class without responses.

    Parameters
    ----------
    log_policy : ndarray, shape (prompts, responses)
        Log-probabilities of every response.
    classes : ndarray of int, shape (responses,)
        Class of every response.
    count : int
        Number of classes.
    """
    masses = np.full((len(log_policy), count), -np.inf)
    for c in np.unique(classes):
        masses[:, c] = np.logaddexp.reduce(log_policy[:, classes == c], axis=1)
    return masses
