"""A loss with its claim: called by name on rows of an example, in expectation, and with leaves to differentiate by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from nashsim.errors import NashsimError
from nashsim.rules import POLICY, REFERENCE

from .arguments import LogProbs, value_of, wanted
from .claims import KL_LOGPS, Claim, GradientClaim, KTOClaim, PairClaim
from .example import Example


class LossSubject:
    """A loss and what it claims.

    Parameters
    ----------
    loss : callable
    claim : Claim
    constants : mapping of str to object
        Arguments that the loss is given by name, whatever the batch.
    """

    def __init__(self, loss: Callable, claim: Claim, constants: Mapping[str, Any]):
        self.loss, self.claim, self.constants = loss, claim, {**claim.constants, **constants}
        self.name = getattr(loss, "__name__", type(loss).__name__)
        self.wanted = wanted(loss, self.constants)
        kinds = list(self.wanted.values())
        self.on_models = any(kind == ("model", "") for kind in kinds)
        self.reads_tokens = any(isinstance(kind, LogProbs) and kind.tokens for kind in kinds)
        roles = {kind.role for kind in kinds if isinstance(kind, LogProbs) and kind.who == "current"}
        if isinstance(claim, PairClaim) and "" in roles:
            raise NashsimError(
                f"loss: {claim.name} is a claim on pairs, found log-probabilities of neither role"
            )
        if isinstance(claim, GradientClaim) and roles - {""}:
            raise NashsimError(
                f"loss: {claim.name} is a claim on single responses, found chosen and rejected ones"
            )
        if not (roles or self.on_models):
            raise NashsimError("loss: it takes no log-probabilities of the policy, nor a model")

    def rows(self, example: Example, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what a batch may hold, and its probabilities: of y ~ pi_theta for a gradient in expectation.

        Parameters
        ----------
        example : Example
        tokens : Tensor, shape (responses, T)
            Token log-probabilities of pi_theta.
        """
        if isinstance(self.claim, GradientClaim):
            return torch.arange(len(tokens))[:, None], tokens.detach().sum(-1).exp()
        return self.claim.rows(example)

    def arguments(self, example: Example, tables: Mapping[str, torch.Tensor], rows, payoff, pad=0.0) -> dict:
        """Return the loss's arguments for a batch.

        Parameters
        ----------
        example : Example
        tables : mapping of str to Tensor, shape (responses, T)
            Token log-probabilities by name, "current" among them.
        rows : Tensor of int, shape (rows, 1 or 2)
        payoff : Tensor, shape (responses,)
            P(. ≻ opponent).
        pad : float
            Log-probability that stands after the end of a response, times 1, 2, ... from argument to argument, so that
            no difference of two takes it out.
        """
        return {
            name: self._value(kind, example, tables, rows, payoff, k * pad)
            for k, (name, kind) in enumerate(self.wanted.items(), 1)
        }

    def _value(self, kind, example, tables, rows, payoff, pad):
        if isinstance(kind, LogProbs):
            table = tables[kind.who][self._chosen(rows, kind.role)]
            padded = torch.where(example.mask[self._chosen(rows, kind.role)], table, pad)
            return padded if kind.tokens else table.sum(-1)
        what, which = kind
        if what == "constant":
            return self.constants[which]
        if what == "kl":
            return torch.tensor(self.claim.z0 if isinstance(self.claim, KTOClaim) else 0.0)
        if what == "kl logps":
            return torch.tensor(KL_LOGPS[which == REFERENCE], dtype=torch.float64)
        if what == "desirable":
            return rows[:, 1] == 1 if isinstance(self.claim, KTOClaim) else payoff[rows[:, 0]] > 0.5
        of = {"mask": example.mask, "payoff": payoff}.get(what)
        if of is None:
            raise NashsimError(f"loss: {what!r} is known together with 'model' alone")
        return of[self._chosen(rows, which)]

    def _chosen(self, rows: torch.Tensor, role: str) -> torch.Tensor:
        if isinstance(self.claim, KTOClaim) and role:
            return rows[rows[:, 1] == (role == "chosen"), 0]
        return rows[:, 1 if role == "rejected" else 0]

    def tables(self, example: Example, current: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return token log-probabilities by name, shape (responses, T) each.

        Parameters
        ----------
        example : Example
        current : Tensor, shape (responses, T)
            Those of the policy that trains.
        """
        frozen = {name: example.token_logps(example.logits[name]) for name in (POLICY, REFERENCE, "half")}
        return {**frozen, "current": current}

    def call(self, example, tables, rows, payoff=None, pad=0.0) -> torch.Tensor:
        """Return what the loss returns for a batch, as a tensor; arguments as for :meth:`arguments`."""
        payoff = self.claim.payoff(example) if payoff is None else payoff
        return value_of(self.loss(**self.arguments(example, tables, rows, payoff, pad)))

    def expected(self, example: Example, current: torch.Tensor, payoff=None) -> torch.Tensor:
        """Return the expectation of the loss, a scalar with gradients.

        Parameters
        ----------
        example : Example
        current : Tensor, shape (responses, T)
            Token log-probabilities of pi_theta.
        payoff : Tensor or None, shape (responses,)
            In place of P(. ≻ opponent).
        """
        rows, weights = self.rows(example, current)
        tables = self.tables(example, current)
        found = self.call(example, tables, rows, payoff)
        if found.ndim == 1 and len(found) == len(rows):
            return (weights * found).sum()
        singles = [self.call(example, tables, row[None], payoff).mean() for row in rows]
        return (weights * torch.stack(singles)).sum()
