"""The properties of a loss, one function each: what an example shows against it, or None."""

from __future__ import annotations

import torch

from nashsim.rules import POLICY

from .claims import GradientClaim, KTOClaim, PairClaim
from .example import Example
from .subject import LossSubject

# A loss that computes in float32 is off by its rounding, some 1e-6 of a gradient; what is wrong, by 1e-2 and more.
_RELATIVE = 1e-4


def returns_losses(subject: LossSubject, example: Example) -> str | None:
    """A finite tensor comes back, a scalar or one number a row, that the policy's log-probabilities move."""
    current = example.token_logps(example.logits[POLICY].clone().requires_grad_())
    rows, _ = subject.rows(example, current)
    found = subject.call(example, subject.tables(example, current), rows)
    if found.ndim > 1 or (found.ndim == 1 and len(found) not in (1, len(rows))):
        return f"a scalar or one loss a row is needed, found shape {tuple(found.shape)} for {len(rows)} rows"
    if not torch.isfinite(found).all():
        return f"the loss is {_show(found.reshape(-1))}, not finite"
    if not found.requires_grad:
        return "no gradient reaches the policy that trains: it is detached"
    return None


def label_convention(subject: LossSubject, example: Example) -> str | None:
    """A response is pushed up more where it wins than where it loses."""
    claim, tokens = subject.claim, example.token_logps(example.logits[POLICY])
    kinds: list[tuple[torch.Tensor, torch.Tensor | None]]
    if isinstance(claim, PairClaim):
        kinds = [(torch.tensor([[0, 1]]), None), (torch.tensor([[1, 0]]), None)]
    elif isinstance(claim, KTOClaim):
        kinds = [(torch.tensor([[0, 1]]), None), (torch.tensor([[0, 0]]), None)]
    else:
        high = torch.full((len(tokens),), 0.9, dtype=torch.float64)
        kinds = [(torch.tensor([[0]]), high), (torch.tensor([[0]]), 1 - high)]
    slopes = []
    for rows, payoff in kinds:
        leaf = tokens.clone().requires_grad_()
        loss = subject.call(example, subject.tables(example, leaf), rows, payoff).sum()
        slopes.append(float(torch.autograd.grad(loss, leaf)[0][0].sum()))
    if slopes[0] < slopes[1]:
        return None
    return (
        f"d loss/d log pi of response {_word(example, 0)} is {slopes[0]:.6g} where it wins and {slopes[1]:.6g} where it"
        " loses: descent pushes losers up (are chosen and rejected, or the sign, exchanged?)"
    )


def batch_average(subject: LossSubject, example: Example) -> str | None:
    """A batch's loss is the mean of its rows', or one number a row."""
    current = example.token_logps(example.logits[POLICY])
    rows, _ = subject.rows(example, current)
    tables = subject.tables(example, current)
    found = subject.call(example, tables, rows)
    alone = torch.stack([subject.call(example, tables, row[None]).sum() for row in rows]).to(found)
    due = alone if found.ndim == 1 and len(found) == len(rows) else alone.mean()
    if torch.allclose(
        found.reshape(due.shape), due, rtol=_RELATIVE, atol=_RELATIVE * float(alone.abs().max())
    ):
        return None
    return (
        f"a batch of {len(rows)} rows has the loss {_show(found.reshape(-1))}, its rows alone {_show(alone)},"
        f" {float(alone.mean()):.6g} on average: it is no average over rows (a sum, or rows that share a statistic?)"
    )


def padding(subject: LossSubject, example: Example) -> str | None:
    """What stands after the end of a response has no part in its loss."""
    current = example.token_logps(example.logits[POLICY])
    rows, _ = subject.rows(example, current)
    tables = subject.tables(example, current)
    plain, other = (subject.call(example, tables, rows, pad=pad) for pad in (0.0, -3.7))
    if torch.allclose(plain, other, rtol=1e-9, atol=1e-12):
        return None
    apart = (plain - other).abs().reshape(-1)
    row = rows[int(apart.argmax())] if len(apart) == len(rows) else rows[0]
    return (
        f"with log-probabilities of -3.7, -7.4, ... after the end, in place of 0, the loss of {_words(example, row)}"
        f" changes by {float(apart.max()):.6g}: mask what follows EOS"
    )


def minimiser(subject: LossSubject, example: Example) -> str | None:
    """The policy that minimises the expected loss is the step that is claimed."""
    assert isinstance(subject.claim, PairClaim)
    exact = subject.claim.exact(example)
    logits = example.logits["start"].clone().requires_grad_()
    optimiser = torch.optim.LBFGS(
        [logits], max_iter=300, tolerance_grad=1e-10, tolerance_change=1e-15, line_search_fn="strong_wolfe"
    )

    def closure():
        optimiser.zero_grad()
        loss = subject.expected(example, example.token_logps(logits))
        loss.backward()
        return loss

    optimiser.step(closure)
    found = example.token_logps(logits.detach()).sum(-1)
    error = float((found - exact).abs().max())
    if error < 1e-3:
        return None
    base = sum(float(w) * example.logps[name] for name, w in subject.claim.step.base.items() if float(w))
    moved, due = (values - base - (values - base).mean() for values in (found, exact))
    factor = float((moved @ due) / (due @ due))
    rest = float((moved - factor * due).abs().max() / due.abs().max())
    hint = f"; log pi moves from its base {factor:.4g} times as far as the step" if rest < 0.05 else ""
    return f"the minimiser is {_show(found.exp())}, where the step is {_show(exact.exp())}{hint}"


def reward_to_go(subject: LossSubject, example: Example) -> str | None:
    """Where every response is as good as any other, descent still follows minus the KL's gradient: all of it."""
    return _gradient(
        subject,
        example,
        torch.full((len(example.enumeration),), 0.5, dtype=torch.float64),
        "of the pull to the reference alone, every payoff being 1/2, ",
        ": a token's log-ratio must be credited to all tokens before it",
    )


def expected_gradient(subject: LossSubject, example: Example) -> str | None:
    """The gradient is, in expectation and up to a positive factor, that of the objective that is claimed."""
    return _gradient(subject, example, subject.claim.payoff(example), "", "")


def _gradient(subject, example, payoff, of: str, hint: str) -> str | None:
    logits = example.logits[POLICY].clone().requires_grad_()
    tokens, claim = example.token_logps(logits), subject.claim
    found = torch.autograd.grad(subject.expected(example, tokens, payoff), logits, retain_graph=True)[0]
    current = tokens.sum(-1)
    if isinstance(claim, GradientClaim):
        due = torch.autograd.grad(-claim.climbed(example, current, payoff), logits)[0]
    else:
        due = torch.autograd.grad(claim.formula(example, current), logits)[0]
    return not_parallel(found, due, f"the gradient {of}in the logits of every prefix", hint)


def not_parallel(found: torch.Tensor, due: torch.Tensor, what: str, hint: str = "") -> str | None:
    """Return how a gradient differs from another by more than a positive factor, or None.

    Parameters
    ----------
    found, due : Tensor
    what : str
        What is compared, to begin the sentence.
    hint : str
        Its end.
    """
    if float(due.abs().max()) < 1e-12:
        return (
            None
            if float(found.abs().max()) < 1e-9
            else f"{what} is {_show(found.reshape(-1))}, where it is 0"
        )
    factor = float((found * due).sum() / (due * due).sum())
    rest = (found - factor * due).abs().max()
    if factor > 0 and rest <= _RELATIVE * factor * due.abs().max():
        return None
    return f"{what} is {_show(found.reshape(-1))}, where {_show(due.reshape(-1))} is claimed (up to a factor > 0){hint}"


def _word(example: Example, row: int) -> str:
    return "'" + " ".join(map(str, example.enumeration.responses()[row])) + "'"


def _words(example: Example, row: torch.Tensor) -> str:
    return " and ".join(_word(example, int(k)) for k in row[: 2 if len(row) > 1 else 1])


def _show(values: torch.Tensor) -> str:
    shown = [f"{float(value):.4g}" for value in values[:12]]
    return "[" + ", ".join([*shown, *(["..."] if len(values) > 12 else [])]) + "]"
