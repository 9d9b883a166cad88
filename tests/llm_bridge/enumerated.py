"""Every response of a small vocabulary, and distributions over them by the definitions."""

from itertools import product

import numpy as np
import torch
from scipy.stats import chi2

from llm_bridge.policy.sequences import Sequences

PROMPT = (1, 2)


def responses(vocabulary, length):
    """All that end with EOS = 0 within ``length`` tokens, and all that are cut off."""
    words = range(1, vocabulary)
    ended = [(*body, 0) for k in range(length) for body in product(words, repeat=k)]
    return ended + list(product(words, repeat=length))


def enumerated(made, length, prompt=PROMPT):
    """The batch of every response to one prompt."""
    every = responses(made.vocabulary, length)
    return Sequences.of([prompt] * len(every), every)


def token_mixture(made, batch, weights, exact=None):
    """log q(y) of the mixture of logits, from full next-token tables of every prefix; shape (responses,)."""
    words = [tuple(row) for row in batch.responses()]
    total = []
    for response in words:
        log_q = 0.0
        for t, token in enumerate(response):
            after = Sequences.of(
                [PROMPT] * made.vocabulary, [(*response[:t], v) for v in range(made.vocabulary)]
            )
            table = sum(w * made.token_log_probs(after, name)[:, t].detach() for name, w in weights.items())
            log_q = log_q + table.log_softmax(0)[token]
        total.append(log_q)
    return torch.stack(total)


def sequence_level(made, batch, weights):
    """log q(y) of the normalised mixture of whole responses, shape (responses,)."""
    parts = sum(w * made.sequence_log_probs(batch, name).detach() for name, w in weights.items())
    return parts.log_softmax(0)


def counts(drawn, every):
    """How often each response was drawn."""
    place = {response: i for i, response in enumerate(every)}
    found = np.zeros(len(every))
    for response in drawn.responses():
        found[place[response]] += 1
    return found


def surprise(found, log_q):
    """Pearson's chi-square over its 1e-4 critical value; below 1 is a pass. Cells expected below 5 are merged."""
    expected = np.asarray(log_q.exp()) * found.sum()
    small = expected < 5
    merged = [np.append(a[~small], a[small].sum()) for a in (found, expected)]
    keep = merged[1] > 0
    statistic = ((merged[0] - merged[1])[keep] ** 2 / merged[1][keep]).sum()
    return statistic / chi2.ppf(1 - 1e-4, keep.sum() - 1)
