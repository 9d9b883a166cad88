"""The game: a preference, a reference policy and a regularisation, validated once, at the door."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .errors import NashsimError
from .logspace import log_normalise
from .policies import SIMPLEX_TOLERANCE, by_label, few, is_result, read_log_policy
from .preferences import Preference, as_preference, matrix_labels
from .regularisers import KL, Regulariser, divergence, get_regulariser, normalise

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False, init=False)
class PreferenceGame:
    """A regularised symmetric preference game, or a weighted stack of them.

    J_tau(pi, pi') = pi^T P pi' - tau KL(pi || mu) + tau KL(pi' || mu)
    (NLHF, arXiv 2312.00886, the regularised preference model [paper]), or with another regulariser in place of KL.
    With contexts x of weight d0(x) the game is a stack of independent games; gaps and regret average over x.

    Parameters
    ----------
    preference : Preference or array_like
        P, shape (actions, actions) or (contexts, actions, actions), P + P^T = 1. A DataFrame names the actions by
        its index; columns of the same labels in another order are aligned by label, other labels refused. One
        matrix of at least 2000 actions is packed: the same entries in half the memory; see
        :func:`~nashsim.preferences.as_preference`.
    reference : array_like, Series, result or None
        mu as probabilities, shape (actions,) or (contexts, actions), or labelled, see :meth:`as_log_policy`;
        ``None`` is uniform. An action of reference mass 0 is outside the game: KL keeps every policy off it.
    tau : float or None
        Regularisation > 0. ``None`` leaves it open; whatever needs it then says so.
    labels : sequence of str or None
        Names of the actions; ``None`` takes those of a DataFrame, or numbers them "0", "1", ...
    weights : array_like or None
        d0, shape (contexts,); ``None`` is uniform.
    name : str
    log_reference : array_like or None
        log mu, in place of ``reference``, for masses too small for a float.
    regulariser : str or Regulariser
        ``"kl"``, ``"chi2"``, ``"mixed"`` (KL + c chi2, ``"mixed:2"`` for c = 2), ``"forward-kl"``, ``"tsallis:1.5"``,
        or a :class:`~nashsim.regularisers.Regulariser`. All keep policies off responses of reference mass 0.

    Attributes
    ----------
    preference : Preference
    log_reference : ndarray, shape (contexts, actions)
    tau : float or None
    labels : tuple of str
    weights : ndarray, shape (contexts,)
    name : str
    regulariser : Regulariser

    Raises
    ------
    NashsimError
        For each violation of the above, naming argument, finding and remedy.

    Examples
    --------
    >>> game = PreferenceGame([[0.5, 0.9], [0.1, 0.5]], tau=0.5, labels=["a", "b"])
    >>> game
    PreferenceGame('game', actions=2, tau=0.5)
    >>> np.exp(game.log_reference)
    array([[0.5, 0.5]])
    """

    preference: Preference
    log_reference: np.ndarray
    tau: float | None
    labels: tuple[str, ...]
    weights: np.ndarray
    name: str
    regulariser: Regulariser

    def __init__(
        self,
        preference,
        reference=None,
        tau: float | None = None,
        labels: Sequence[str] | None = None,
        weights=None,
        name: str = "game",
        log_reference=None,
        regulariser: str | Regulariser = "kl",
    ):
        own = matrix_labels(preference)
        preference = as_preference(preference)
        shape = (preference.contexts, preference.actions)
        labels = _check_labels(own if labels is None else labels, preference.actions)
        if own is not None and labels != tuple(map(str, own)):
            raise NashsimError(
                f"labels: {few(labels)} are given for a DataFrame of {few(own)}; leave them out, or give an array"
            )
        fields = {
            "preference": preference,
            "log_reference": read_reference(reference, log_reference, shape, labels),
            "tau": check_tau(tau) if tau is not None else None,
            "labels": labels,
            "weights": np.exp(_log_distribution(weights, (1, preference.contexts), "weights", "a context"))[
                0
            ],
            "name": str(name),
            "regulariser": get_regulariser(regulariser),
        }
        for field, value in fields.items():
            object.__setattr__(self, field, value)
        self._seal()

    def _seal(self) -> None:
        self.log_reference.flags.writeable = False
        self.weights.flags.writeable = False

    def __setstate__(self, state: dict) -> None:
        # arrays come out of a pickle writeable
        self.__dict__.update(state)
        self._seal()

    @property
    def contexts(self) -> int:
        """Number of independent games in the stack."""
        return self.preference.contexts

    @property
    def actions(self) -> int:
        """Number of actions of each game."""
        return self.preference.actions

    @property
    def reference(self) -> np.ndarray:
        """The reference policy mu as probabilities, shape (contexts, actions)."""
        return np.exp(self.log_reference)

    @property
    def support(self) -> np.ndarray:
        """Actions on which the reference has mass: bool, shape (contexts, actions)."""
        return self.log_reference > -np.inf

    @property
    def probabilities(self) -> np.ndarray:
        """P(y ≻ y') with y the row, shape (contexts, actions, actions)."""
        return self.preference.dense() + 0.5

    def replace(self, **changes) -> PreferenceGame:
        """Return the game with some of its constructor's arguments changed.

        Parameters
        ----------
        **changes
            Any of ``preference, reference, log_reference, tau, labels, weights, name, regulariser``.

        Examples
        --------
        >>> PreferenceGame([[0.5, 0.9], [0.1, 0.5]]).replace(tau=0.1).tau
        0.1
        """
        current = {field: getattr(self, field) for field in self.__dataclass_fields__}
        if "reference" in changes:
            del current["log_reference"]
        return PreferenceGame(**{**current, **changes})

    def require_tau(self) -> float:
        """Return tau, or raise NashsimError where the game was left without one."""
        if self.tau is None:
            raise NashsimError(
                "tau: this needs a regularised game; use game.replace(tau=...) (--tau) with tau > 0"
            )
        return self.tau

    @property
    def kl_regularised(self) -> bool:
        """Whether the regulariser is KL, for which there are closed forms and compiled code of its own."""
        return type(self.regulariser) is KL

    def require_kl(self, what: str) -> None:
        """Raise NashsimError unless the regulariser is KL, naming what needs that and why."""
        if not self.kl_regularised:
            raise NashsimError(
                f"regulariser: {what}, found {self.regulariser.word!r}; use game.replace(regulariser='kl')"
            )

    def as_log_policy(self, policy, name: str = "policy") -> np.ndarray:
        """Return the log-probabilities of a policy of this game, shape (contexts, actions).

        Parameters
        ----------
        policy : array_like, Series, DataFrame or result
            Probabilities or log-probabilities, shape (contexts, actions), or (actions,) for one context; labelled
            ones and results are aligned by label. See :func:`~nashsim.policies.read_log_policy`.
        name : str
            Argument to name in the error.

        Raises
        ------
        NashsimError
            For other labels, another shape, NaN, or probabilities whose sum is not 1.
        """
        return read_log_policy(policy, self.labels, self.contexts, name)

    def margin(self, policy) -> np.ndarray:
        """Return the payoffs P(. ≻ pi) - 1/2, shape (contexts, actions).

        Parameters
        ----------
        policy : ndarray, Series, DataFrame or result
            A two-dimensional ndarray is taken for log-probabilities, unchecked, as inner loops need it; all else as
            by :meth:`as_log_policy`.
        """
        if not (isinstance(policy, np.ndarray) and policy.ndim == 2):
            policy = self.as_log_policy(policy)
        return self.preference.margin(np.exp(policy))

    def log_best_response(self, policy) -> np.ndarray:
        """Return log BR_tau(pi), BR_tau(pi)(y) ∝ mu(y) exp(P(y ≻ pi)/tau) for KL [derived].

        Otherwise mu(y) h((P(y ≻ pi) - lambda)/tau), h the inverse link, 0 where that would be negative [derived].

        Parameters
        ----------
        policy : ndarray, Series, DataFrame or result
            As for :meth:`margin`.

        Returns
        -------
        ndarray, shape (contexts, actions)
        """
        return self.log_response(self.margin(policy))

    def log_response(self, payoff: np.ndarray) -> np.ndarray:
        """Return log argmax_pi <pi, payoff> - tau R(pi), shape (contexts, actions), as the payoff."""
        values = payoff / self.require_tau()
        if self.kl_regularised:
            return log_normalise(self.log_reference + values)
        ratio = self.regulariser.anchored_inverse(normalise(self.regulariser, self.reference, values))
        with np.errstate(divide="ignore"):
            return np.where(self.support, self.log_reference + np.log(ratio), -np.inf)

    def divergence(self, log_policy: np.ndarray, log_other: np.ndarray) -> np.ndarray:
        """Return the regulariser's Bregman divergence D_R(pi, q), KL(pi || q) for KL, shape (contexts,).

        Parameters
        ----------
        log_policy, log_other : ndarray, shape (contexts, actions)
            log pi and log q; ``inf`` where pi has mass that the reference lacks.
        """
        return divergence(self.regulariser, self.log_reference, log_policy, log_other)

    def label_policy(self, log_policy: np.ndarray) -> pd.Series:
        """Return the probabilities of log-probabilities with their labels; see :meth:`label_probabilities`."""
        return self.label_probabilities(np.exp(log_policy))

    def label_probabilities(self, probabilities: np.ndarray) -> pd.Series:
        """Return probabilities with their labels: a Series by action, or by (context, action) for several contexts.

        Parameters
        ----------
        probabilities : ndarray, shape (contexts, actions)
            Probabilities of the actions.
        """
        import pandas as pd

        index: pd.Index = pd.Index(self.labels)
        if self.contexts > 1:
            index = pd.MultiIndex.from_product(
                [range(self.contexts), self.labels], names=["context", "action"]
            )
        return pd.Series(np.ravel(probabilities), index, name="probability")

    def _repr_html_(self) -> str:
        from .html import MOST, card, table

        n, first = min(self.actions, MOST), "" if self.contexts == 1 else " in context 0"
        facts = {"name": self.name, "actions": self.actions, "tau": "open" if self.tau is None else self.tau}
        facts |= {"contexts": self.contexts} if self.contexts > 1 else {}
        facts |= {} if self.kl_regularised else {"regulariser": self.regulariser.word}
        cells = np.empty((n, 0))
        if self.actions <= 2000:  # the whole of a larger one is not worked out for a look
            cells = self.probabilities[0, :n, :n]
        shades = np.column_stack([self.reference[0, :n], cells])
        rows = [[label, *row] for label, row in zip(self.labels[:n], shades, strict=True)]
        heads = ["P(row ≻ column)" + first, "reference μ", *self.labels[: cells.shape[1]]]
        left = f"and {self.actions - n} more actions" if self.actions > n else ""
        return card("PreferenceGame", facts, table(heads, rows, shades, left))

    def __repr__(self) -> str:
        contexts = f", contexts={self.contexts}" if self.contexts > 1 else ""
        kind = "" if self.kl_regularised else f", regulariser={self.regulariser.word!r}"
        return f"PreferenceGame({self.name!r}, actions={self.actions}{contexts}, tau={self.tau}{kind})"


def check_tau(tau, name: str = "tau") -> float:
    """Return tau as a float, or raise NashsimError, with the argument's name, unless it is a finite number > 0."""
    try:
        tau = float(tau)
    except (TypeError, ValueError):
        raise NashsimError(f"{name}: a number > 0 is needed, found {tau!r}") from None
    if not (np.isfinite(tau) and tau > 0):
        raise NashsimError(f"{name}: the regularisation must be a finite number > 0, found {tau}")
    return tau


def _check_labels(labels, actions: int) -> tuple[str, ...]:
    if labels is None:
        return tuple(str(i) for i in range(actions))
    labels = tuple(str(label) for label in labels)
    if len(labels) != actions:
        raise NashsimError(f"labels: {actions} labels are needed, one an action, found {len(labels)}")
    if len(set(labels)) < actions:
        twice = next(label for label, count in Counter(labels).items() if count > 1)
        raise NashsimError(f"labels: every action needs its own label, found {twice!r} more than once")
    return labels


def read_start(start, game: PreferenceGame) -> np.ndarray:
    """Return log-probabilities, shape (contexts, actions), of a first policy.

    Parameters
    ----------
    start : array_like, Series, DataFrame or result
        Probabilities or log-probabilities: those have an entry below 0, or are all 0 of a game of one action. One row
        serves all contexts.
    game : PreferenceGame

    Raises
    ------
    NashsimError
        For other labels, another shape, NaN, or probabilities whose sum is not 1.
    """
    shape = game.log_reference.shape
    array = np.array(by_label(start, game.labels, "start"), dtype=np.float64, ndmin=2)
    if np.isnan(array).any():
        raise NashsimError("start: every entry must be a probability or a log-probability, found NaN")
    if not ((array < 0).any() or not array.any()):
        return _log_distribution(array, shape, "start")
    if (array > SIMPLEX_TOLERANCE).any():
        raise NashsimError(
            f"start: log-probabilities, which some entries are, are <= 0, found {array.max():g}"
        )
    return _check_distribution(array, shape, "start", "an action")


def read_reference(reference, log_reference, shape: tuple[int, int], labels: tuple[str, ...]) -> np.ndarray:
    """Return log-probabilities of shape ``shape`` from probabilities or their logarithms, or raise NashsimError."""
    if log_reference is not None and reference is not None:
        raise NashsimError(
            "reference: give probabilities (reference) or their logarithms (log_reference), not both"
        )
    if is_result(reference):
        reference, log_reference = None, reference
    if log_reference is None:
        return _log_distribution(by_label(reference, labels, "reference"), shape, "reference")
    array = np.array(by_label(log_reference, labels, "log_reference"), dtype=np.float64, ndmin=2)
    if np.isnan(array).any() or (array > SIMPLEX_TOLERANCE).any():
        raise NashsimError("log_reference: every entry must be a log-probability <= 0")
    return _check_distribution(array, shape, "log_reference", "an action")


def _log_distribution(values, shape: tuple[int, int], what: str, each: str = "an action") -> np.ndarray:
    """Return log-probabilities of shape ``shape`` from probabilities that broadcast to it."""
    if values is None:
        return np.full(shape, -np.log(shape[1]))
    array = np.array(values, dtype=np.float64, ndmin=2)
    bad = array[~(np.isfinite(array) & (array >= 0))]
    if bad.size:
        raise NashsimError(f"{what}: every entry must be a probability >= 0, found {bad[0]:g}")
    with np.errstate(divide="ignore"):
        return _check_distribution(np.log(array), shape, what, each)


def _check_distribution(log_values: np.ndarray, shape: tuple[int, int], what: str, each: str) -> np.ndarray:
    found = log_values.shape
    if log_values.ndim != 2 or found[1] != shape[1] or found[0] not in (1, shape[0]):
        raise NashsimError(
            f"{what}: {shape[1]} probabilities are needed, one {each}, found {found[1] if found[0] == 1 else found}"
        )
    totals = np.exp(log_values).sum(axis=1)
    off = np.abs(totals - 1)
    if off.max() > SIMPLEX_TOLERANCE:
        raise NashsimError(f"{what}: probabilities must sum to 1, found a sum of {totals[off.argmax()]:.9g}")
    # What is normalised to rounding is kept as it is, so that a copy of a game has the same bits.
    rounding = np.finfo(float).eps * (4 + shape[1])
    values, kept = log_values, off <= rounding
    if not kept.all():
        values = np.where(kept[:, None], log_values, log_normalise(log_values))
    return np.ascontiguousarray(np.broadcast_to(values, shape))
