"""What is known of P(y ≻ opponent) - P(y' ≻ opponent) of a pair, and where the pair came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from nashsim.errors import NashsimError

#: A pair is drawn independently and identically.
IID = "iid"
#: The pair is the best and the worst of K responses: a biased departure, whose fitted spread grows with K [derived].
BEST_WORST = "best-worst"


@dataclass(frozen=True)
class PairDistribution:
    """The distribution that both responses of every pair are drawn from.

    Attributes
    ----------
    weights : mapping of str to float
        log q = sum_k weights[k] log k + const over named policies; {"policy": 1.0} is the current policy.
    level : str
        ``"sequence"`` for the mixture of whole responses, ``"token"`` for the mixture of logits. The two differ
        wherever more than one policy has weight [derived].
    selection : str
        ``"iid"`` or ``"best-worst"``.
    """

    weights: Mapping[str, float]
    level: str = "sequence"
    selection: str = IID

    def __post_init__(self):
        if self.level not in ("sequence", "token"):
            raise NashsimError(f"level: 'sequence' or 'token' is needed, found {self.level!r}")
        if self.selection not in (IID, BEST_WORST):
            raise NashsimError(f"selection: {IID!r} or {BEST_WORST!r} is needed, found {self.selection!r}")

    def is_opponent(self, step) -> bool:
        """Whether pairs of this source are draws from the opponent of a step.

        Parameters
        ----------
        step : MirrorStep
        """
        mine, other = _support(self.weights), _support(step.opponent)
        mixed = len(mine) > 1 and (self.level == "token" or step.arithmetic)
        return not mixed and mine.keys() == other.keys() and all(abs(mine[k] - other[k]) < 1e-9 for k in mine)


@dataclass(frozen=True)
class Labels:
    """Estimates of P(y ≻ opponent) - P(y' ≻ opponent), one a pair.

    Attributes
    ----------
    difference : Tensor, shape (pairs,)
    kind : str
        ``"duels"``, right for pairs of any distribution, or ``"winner"``.
    source : PairDistribution or None
        Source of the pairs; needed by winner labels.
    """

    difference: torch.Tensor
    kind: str
    source: PairDistribution | None = None

    @classmethod
    def duels(cls, first, second) -> Labels:
        """Return the label differences mean_z I[y ≻ z] - mean_z I[y' ≻ z], unbiased for any pairs [derived].

        Parameters
        ----------
        first, second : Tensor, shape (pairs, comparators)
            Outcomes, or a judge's probabilities, against comparators z ~ opponent.
        """
        first, second = torch.as_tensor(first), torch.as_tensor(second)
        wide = torch.promote_types(first.dtype, torch.float32)
        return cls(first.to(wide).mean(-1) - second.to(wide).mean(-1), "duels")

    @classmethod
    def winner(cls, first_wins, source: PairDistribution) -> Labels:
        """Return ±1/2 for the winner, INPO's 1/(2 eta_I) up to the step; valid only for pairs from the opponent.

        Parameters
        ----------
        first_wins : Tensor, shape (pairs,)
            1 where the first response won, 0 where the second; a judge's P(y ≻ y') in between.
        source : PairDistribution
        """
        first_wins = torch.as_tensor(first_wins)
        return cls(
            first_wins.to(torch.promote_types(first_wins.dtype, torch.float32)) - 0.5, "winner", source
        )

    def check(self, step) -> None:
        """Refuse labels that do not estimate what the step asks for.

        Parameters
        ----------
        step : MirrorStep

        Raises
        ------
        NashsimError
            For winner labels of pairs that are not draws from the step's opponent.
        """
        if self.kind == "winner" and not (self.source and self.source.is_opponent(step)):
            raise NashsimError(
                f"labels: winner/loser targets need both responses drawn i.i.d. from the opponent"
                f" {_support(step.opponent)}, found {self.source}; use Labels.duels, which any pairs allow"
            )


def labels_of(algorithm, step, batch) -> Labels:
    """Return what is known of P(y ≻ opponent) - P(y' ≻ opponent) for the pairs of a batch.

    Parameters
    ----------
    algorithm : Algorithm
        Kind of its labels, and where its pairs come from.
    step : MirrorStep
    batch : Batch
        Payoffs, pairs and wins.
    """
    if algorithm.labels == "duels":
        first, second = batch.payoff[batch.pairs].T
        return Labels.duels(first[:, None], second[:, None])
    weights = step.opponent if algorithm.pairs is None else algorithm.pairs
    if algorithm.second is not None or algorithm.explorer:
        weights = {"pairs of two sources": 1.0}
    return Labels.winner(batch.wins, PairDistribution(weights, algorithm.level, algorithm.selection))


def _support(weights: Mapping[str, float]) -> dict[str, float]:
    return {name: float(weight) for name, weight in weights.items() if float(weight) != 0.0}
