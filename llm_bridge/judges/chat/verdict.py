"""The verdict in a chat model's reply, as a probability that the first response is better."""

from __future__ import annotations

import math
import re
import string
from collections.abc import Sequence

#: Worth of the first, second and third label.
WORTH = (1.0, 0.0, 0.5)


class UnreadableReply(Exception):
    """A reply without a verdict; its message says what stood there instead."""


def text_verdict(reply: dict, labels: Sequence[str]) -> tuple[float, str]:
    """Return the verdict of a reply that is a label or has one as ``[[label]]``, and the reply's words.

    Parameters
    ----------
    reply : dict
        Answer of the endpoint.
    labels : sequence of str
        Labels of the first response, the second and a tie.

    Raises
    ------
    UnreadableReply
        Where it has none.

    Examples
    --------
    >>> text_verdict({"choices": [{"message": {"content": "Both are fine, but [[B]]."}}]}, ("A", "B"))[0]
    0.0
    """
    choice = _choice(reply)
    try:
        said = choice["message"]["content"]
        worth = {label.casefold(): value for label, value in zip(labels, WORTH, strict=False)}
        marked = [word for word in map(_bare, re.findall(r"\[\[(.*?)\]\]", said)) if word in worth]
    except (KeyError, TypeError):
        raise UnreadableReply(f"its message has no text: {str(choice)[:80]}") from None
    found = marked[-1] if marked else _bare(said)
    if found in worth:
        return worth[found], said
    cut = ", cut off at max_tokens" if choice.get("finish_reason") == "length" else ""
    raise UnreadableReply(f"none of {', '.join(labels)} in {' '.join(said.split())[:60]!r}{cut}")


def logprob_verdict(reply: dict, labels: Sequence[str]) -> tuple[float, str]:
    """Return (P(first) + P(tie)/2)/(P(first) + P(second) + P(tie)) at the first token with text, and its tokens.

    A label that is not among the likeliest tokens counts 0.

    Parameters
    ----------
    reply, labels
        Arguments of :func:`text_verdict`.

    Raises
    ------
    UnreadableReply
        For a reply without log-probabilities, or without any label among them.
    """
    choice = _choice(reply)
    try:
        tokens = choice["logprobs"]["content"]
        token = next((t for t in tokens if t["token"].strip()), tokens[0])
        likeliest = [(_bare(t["token"]), float(t["logprob"])) for t in token["top_logprobs"]]
    except (KeyError, TypeError, IndexError, ValueError):
        raise UnreadableReply("it has no top_logprobs; set judge.openai.verdict: text") from None
    masses = [sum(math.exp(lp) for word, lp in likeliest if word == label.casefold()) for label in labels]
    total = math.fsum(masses)
    if not total > 0:
        raise UnreadableReply(
            f"none of {', '.join(labels)} among its likeliest tokens {', '.join(repr(w) for w, _ in likeliest[:5])}"
        )
    share = math.fsum(mass * worth for mass, worth in zip(masses, WORTH, strict=False)) / total
    return min(share, 1.0), " ".join(
        f"{label} {mass:.4g}" for label, mass in zip(labels, masses, strict=True)
    )


def _choice(reply) -> dict:
    try:
        return reply["choices"][0]
    except (KeyError, TypeError, IndexError):
        raise UnreadableReply(f"it has no choices: {str(reply)[:80]}") from None


def _bare(word: str) -> str:
    return word.strip(string.punctuation + string.whitespace).casefold()
