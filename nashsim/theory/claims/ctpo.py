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


def _log_prefix(stack: Stack, logs: np.ndarray, t: int) -> np.ndarray:
    """Return the log of the sum of exp over all sequences that share y_<=t, at each, shape (instances, actions)."""
    prefix = np.arange(stack.actions) >> (_length(stack) - t)
    shared = prefix[:, None] == prefix
    return np.logaddexp.reduce(np.where(shared, logs[:, None], -np.inf), axis=2)


def _log_ratio(stack: Stack, kind: str, t: int) -> np.ndarray:
    """Return the log-ratio of starts (pi) to references (pi_old) that weights token t, shape (instances, actions)."""
    before, here, whole = (
        _log_prefix(stack, stack.log_start, s) - _log_prefix(stack, stack.log_reference, s)
        for s in (t - 1, t, _length(stack))
    )
    # of the prefix, of the token alone, of the whole sequence, of what the prefix leaves
    return {"prefix": here, "token": here - before, "sequence": whole, "rest": whole - before}[kind]


def _known(stack: Stack, t: int) -> np.ndarray:
    """Return a function of y_<=t: the mean payoff of the sequences below under pi_old, (instances, actions)."""
    payoff = np.einsum("kyz,kz->ky", stack.skew, np.exp(stack.log_reference)) + 0.5
    with np.errstate(divide="ignore"):
        below = _log_prefix(stack, stack.log_reference + np.log(np.maximum(payoff, 0.0)), t)
    return np.exp(below - _log_prefix(stack, stack.log_reference, t))


def _unbiased(stack: Stack, kind: str) -> Evidence:
    """|E_old[ratio g(y_<=t)] - E_pi g(y_<=t)|, the largest over tokens."""
    errors = []
    for t in range(1, _length(stack) + 1):
        weighted = np.exp(stack.log_reference + _log_ratio(stack, kind, t)) - np.exp(stack.log_start)
        errors.append(np.abs((weighted * _known(stack, t)).sum(axis=1)))
    return once(np.max(errors, axis=0), 8 * logit_rounding(stack, stack.log_start))


def _variance(stack: Stack, kind: str) -> Evidence:
    """E_old (ratio g(y_<=t))^2 of every token, over that of the sequence's ratio; both have the mean E_pi g."""
    shares = []
    for t in range(1, _length(stack)):
        with np.errstate(divide="ignore"):
            common = stack.log_reference + 2 * np.log(_known(stack, t))
        mine, whole = (
            np.logaddexp.reduce(common + 2 * _log_ratio(stack, which, t), axis=1)
            for which in (kind, "sequence")
        )
        shares.append(np.exp(mine - whole))
    # logarithms err by this, and their exponentials by as much of themselves
    slack = 8 * logit_rounding(stack, stack.log_start)[:, None]
    tokens = np.arange(1, _length(stack))
    return Evidence(
        tokens, np.array(shares).T, np.ones((len(stack), len(tokens))), slack=slack, x_label="token t"
    )


_DOMAIN = Domain(step=(1.0, 1.0))

CLAIMS = (
    Claim(
        id="prefix-ratio",
        statement="E_old[Π_{s≤t} π/π_old · g(y_{≤t})] = E_π[g(y_{≤t})] for every token t and function g of the prefix",
        source=f"{_SOURCE} [abstract]; derived",
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
        kind="bound",
        conditions="sequences of binary tokens, any π and π_old of full support",
        quantity="E_old (ratio g)² over E_old (sequence's ratio · g)²",
        predicted="1",
        measure=_variance,
        algorithm="prefix",
        control=Control("the ratio of token t and what follows, the prefix left out", "rest"),
        domain=_DOMAIN,
    ),
)
