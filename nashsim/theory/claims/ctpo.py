"""CTPO: importance ratios of prefixes against those of tokens and of whole sequences, by exact enumeration."""

from __future__ import annotations

import numpy as np

from .claim import Claim, Control, Evidence
from .domain import Domain
from .instance import Stack
from .rounding import logit_rounding, once

_SOURCE = "CTPO, Zhang et al., arXiv 2605.07331"


def _length(stack: Stack) -> int:
    """Responses are sequences of binary tokens: action k by its digits, the sequences of a tree with n leaves."""
    return max(int(np.ceil(np.log2(stack.actions))), 2)


def _prefix_sums(stack: Stack, values: np.ndarray, t: int) -> np.ndarray:
    """Return the sum over all sequences that share y_<=t, at every sequence, shape (instances, actions)."""
    prefix = np.arange(stack.actions) >> (_length(stack) - t)
    return values @ (prefix[:, None] == prefix).astype(float)


def _ratios(stack: Stack, kind: str, t: int) -> np.ndarray:
    """Return the ratio of starts (pi) to references (pi_old) that weights token t, shape (instances, actions)."""
    new, old = np.exp(stack.log_start), np.exp(stack.log_reference)
    before, here, whole = (
        _prefix_sums(stack, new, s) / _prefix_sums(stack, old, s) for s in (t - 1, t, _length(stack))
    )
    # of the prefix, of the token alone, of the whole sequence, of what the prefix leaves
    return {"prefix": here, "token": here / before, "sequence": whole, "rest": whole / before}[kind]


def _known(stack: Stack, t: int) -> np.ndarray:
    """Return a function of y_<=t: the mean payoff of the sequences below, shape (instances, actions)."""
    old = np.exp(stack.log_reference)
    payoff = np.einsum("kyz,kz->ky", stack.skew, old)
    return _prefix_sums(stack, old * payoff, t) / _prefix_sums(stack, old, t)


def _unbiased(stack: Stack, kind: str) -> Evidence:
    """|E_old[ratio g(y_<=t)] - E_pi g(y_<=t)|, the largest over tokens."""
    old, new = np.exp(stack.log_reference), np.exp(stack.log_start)
    errors = [
        np.abs((old * _ratios(stack, kind, t) * _known(stack, t) - new * _known(stack, t)).sum(axis=1))
        for t in range(1, _length(stack) + 1)
    ]
    return once(np.max(errors, axis=0), 8 * logit_rounding(stack, stack.log_start))


def _variance(stack: Stack, kind: str) -> Evidence:
    """E_old (ratio g(y_<=t))^2 of every token, beside that of the sequence's ratio; both have the mean E_pi g."""
    old = np.exp(stack.log_reference)
    measured, bound = [], []
    for t in range(1, _length(stack)):
        for ratio, kept in ((_ratios(stack, kind, t), measured), (_ratios(stack, "sequence", t), bound)):
            kept.append((old * (ratio * _known(stack, t)) ** 2).sum(axis=1))
    slack = 8 * logit_rounding(stack, stack.log_start)[:, None] * np.array(bound).T
    return Evidence(
        np.arange(1, _length(stack)), np.array(measured).T, np.array(bound).T, slack=slack, x_label="token t"
    )


_DOMAIN = Domain(step=(1.0, 1.0))

CLAIMS = (
    Claim(
        id="prefix-ratio",
        statement="E_old[Π_{s≤t} π/π_old · g(y_{≤t})] = E_π[g(y_{≤t})] for every token t and function g of the prefix",
        source=f"{_SOURCE} [abstract]; derived",
        tag="derived",
        kind="identity",
        conditions="sequences of binary tokens, any π and π_old of full support",
        quantity="max_t |E_old[ratio g] − E_π g|",
        predicted="rounding",
        measure=_unbiased,
        algorithm="prefix",
        control=Control("the ratio of the token alone, as PPO's", "token"),
        domain=_DOMAIN,
    ),
    Claim(
        id="prefix-variance",
        statement="Var_old(Π_{s≤t} π/π_old · g(y_{≤t})) ≤ Var_old(π(y)/π_old(y) · g(y_{≤t})), means being equal",
        source=f"{_SOURCE} [abstract]; derived: the prefix's ratio is the conditional mean of the sequence's",
        tag="derived",
        kind="bound",
        conditions="sequences of binary tokens, any π and π_old of full support",
        quantity="E_old (ratio g)²",
        predicted="E_old (sequence's ratio · g)²",
        measure=_variance,
        algorithm="prefix",
        control=Control("the ratio of token t and what follows, the prefix left out", "rest"),
        domain=_DOMAIN,
    ),
)
