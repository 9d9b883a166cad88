"""check_sampler: whether what a sampler draws is the token-level mixture of two models."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping

import numpy as np
import torch

from nashsim.errors import NashsimError
from nashsim.testing.report import CheckReport, Failure, collect

from ..tasks.enumerable import EnumerableTask
from .check import LossCheckError

_FALSE_ALARM = 1e-6


def check_sampler(
    sampler: Callable,
    weight: float = 0.5,
    *,
    draws: int = 2000,
    seed: int = 0,
    raise_first: bool = True,
    known: Mapping[str, str] | None = None,
) -> CheckReport:
    """Check that a sampler draws from the mixture softmax((1 - w) log pi + w log mu) of every next token.

    Parameters
    ----------
    sampler : callable
        ``sampler(model, reference, input_ids, weight, max_new_tokens) -> ids``: both causal language models of
        transformers, prompts of shape (rows, prompt tokens), EOS = 0, which is also the padding; returns the tokens
        after the prompt, shape (rows, at most max_new_tokens), drawn from torch's global generator.
    weight : float
        w in [0, 1], the reference's.
    draws : int
        Number of responses drawn; a fault that moves a share of s of the mass is seen from about 40/s^2 on [derived].
    seed : int
        Seed of torch's global generator during the check, which is put back.
    raise_first, known
        As for :func:`check_loss`.

    Returns
    -------
    CheckReport

    Raises
    ------
    LossCheckError
        Where the draws depart from the mixture: Pearson's test at a false alarm of 1e-6.
    NashsimError
        For a weight outside [0, 1] or fewer than 1000 draws.

    Notes
    -----
    The one known fault that this is for is a cache of keys and values that both models share: from the second token on
    each then attends to the other's prompt.
    """
    if not 0 <= weight <= 1:
        raise NashsimError(f"weight: a number in [0, 1] is needed, found {weight!r}")
    if draws < 1000:
        raise NashsimError(f"draws: 1000 or more are needed, found {draws!r}")
    name = getattr(sampler, "__name__", type(sampler).__name__)
    checks = [
        ("shape and end", functools.partial(_shape, sampler, weight, seed)),
        ("distribution", functools.partial(_distribution, sampler, weight, draws, seed)),
    ]
    return collect(name, checks, known=known, raise_first=raise_first, error=LossCheckError)


class TwoModels:
    """Two models over a vocabulary that can be enumerated.

    Parameters
    ----------
    length : int
        Most tokens of a response.
    """

    def __init__(self, length: int):
        self.task, other = (
            EnumerableTask(vocabulary=4, length=length, prompts=((1, 2, 3),), seed=seed, dtype=torch.float64)
            for seed in (1, 2)
        )
        self.model, self.reference = self.task.build_model(), other.build_model()

    def draw(self, sampler, weight: float, draws: int, seed: int) -> list[tuple[int, ...]]:
        """Return responses that a sampler draws, cut after EOS.

        Parameters
        ----------
        sampler : callable
        weight : float
        draws, seed : int
        """
        prompts = torch.tensor(self.task.prompts).repeat(draws, 1)
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(seed)
            ids = sampler(self.model, self.reference, prompts, weight, self.task.length)
        if ids.ndim != 2 or len(ids) != draws or not 1 <= ids.shape[1] <= self.task.length:
            raise NashsimError(
                f"the tokens after the prompt are needed, shape ({draws}, at most {self.task.length}), found"
                f" {tuple(ids.shape)}"
            )
        rows = ([int(token) for token in row] for row in ids)
        return [tuple(row[: row.index(0) + 1] if 0 in row else row) for row in rows]

    @torch.no_grad()
    def exact(self, weight: float) -> np.ndarray:
        """Return the mixture's probability of every response, each prefix read anew, without a cache."""
        responses = self.task.enumeration.responses()
        found = np.zeros(len(responses))
        for k, response in enumerate(responses):
            for t, token in enumerate(response):
                ids = torch.tensor([[*self.task.prompts[0], *response[:t]]])
                mine, other = (
                    m(input_ids=ids).logits[0, -1].log_softmax(-1) for m in (self.model, self.reference)
                )
                found[k] += float(((1 - weight) * mine + weight * other).log_softmax(-1)[token])
        return np.exp(found)


def _shape(sampler, weight: float, seed: int) -> Failure | None:
    two = TwoModels(1)
    try:
        two.draw(sampler, weight, 16, seed)
        TwoModels(3).draw(sampler, weight, 16, seed)
    except Exception as error:
        return Failure("shape and end", f"it raised {type(error).__name__}: {error}", _lines(3))
    return None


def _distribution(sampler, weight: float, draws: int, seed: int) -> Failure | None:
    """One token first, then two and three: the first length at which the draws depart is the smallest."""
    from scipy.stats import chi2

    for length in (1, 2, 3):
        two = TwoModels(length)
        exact, responses = two.exact(weight), two.task.enumeration.responses()
        place = {response: k for k, response in enumerate(responses)}
        try:
            found = np.bincount(
                [place[response] for response in two.draw(sampler, weight, draws, seed)], minlength=len(exact)
            )
        except KeyError as error:
            return Failure(
                "distribution", f"the response {error} is none of the vocabulary's", _lines(length)
            )
        due = exact * draws
        small = due < 5
        cells = [np.append(part[~small], part[small].sum()) for part in (found, due)]
        kept = cells[1] > 0
        statistic = float(((cells[0] - cells[1])[kept] ** 2 / cells[1][kept]).sum())
        if statistic > chi2.ppf(1 - _FALSE_ALARM, max(kept.sum() - 1, 1)):
            worst = int(np.abs(found - due).argmax())
            word = " ".join(map(str, responses[worst]))
            return Failure(
                "distribution",
                f"of {draws} responses of at most {length} tokens to the prompt 1 2 3, {found[worst]} are {word!r},"
                f" where {due[worst]:.1f} are due (chi-square {statistic:.1f} of {kept.sum()} cells): is the weight the"
                " reference's, and has each model a cache of its own?",
                _lines(length),
            )
    return None


def _lines(length: int) -> str:
    return (
        f"from llm_bridge.testing.sampler import TwoModels\ntwo = TwoModels(length={length})\n"
        "two.draw(sampler, weight, draws, seed), two.exact(weight), two.task.enumeration.responses()"
    )
