"""What a judge behind an OpenAI-compatible endpoint is told: the endpoint, the question, the verdict, the limits."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from nashsim.errors import NashsimError

from ..protocol import Comparison

#: The question in words [ours].
TEMPLATE = (
    "[Prompt]\n{prompt}\n\n[Response A]\n{a}\n\n[Response B]\n{b}\n\n"
    "Which response is better? Answer with one word: {labels}."
)
HOSTED = "https://api.openai.com/v1"
#: Options that change whether and when a judge answers, and nothing that it says; a run may go on under others.
OF_THE_WAY = (
    "concurrency", "timeout", "pause", "longest_pause", "budget_calls", "budget_tokens", "retries", "key_env",
    "unreadable",
)  # fmt: skip
VERDICTS, UNREADABLE = ("text", "logprob"), ("refuse", "tie")


@dataclass(frozen=True)
class OpenAIOptions:
    """A chat model behind ``base_url``, which vLLM, llama.cpp and hosted services offer, asked for ``labels``.

    ``labels`` name the first response, the second and, if it stands there, a tie. A ``text`` verdict is a reply that is
    a label, or has one as ``[[label]]`` (the last counts); a ``logprob`` verdict is P(first) + P(tie)/2 over the labels
    among the likeliest first tokens. ``template`` has ``{prompt}``, ``{a}``, ``{b}``, ``{labels}``, and any column of
    the prompt's row. The key is that of the environment's ``key_env``, where it is set. ``extra`` is added to the
    request, where null takes a field out. Of a reply without a verdict ``unreadable`` makes a refusal, or a tie.

    ``concurrency`` requests are under way at once, of at most ``timeout`` seconds; one that fails is repeated after
    what the server asks for (Retry-After), up to ``longest_pause`` seconds, or else ``pause`` seconds, doubled every
    time. ``budget_calls`` and ``budget_tokens`` bound what may be spent in all runs on one file of answers.
    """

    model: str | None = None
    base_url: str = HOSTED
    key_env: str = "OPENAI_API_KEY"
    system: str | None = None
    template: str = TEMPLATE
    verdict: str = "text"
    labels: tuple[str, ...] = ("A", "B", "tie")
    unreadable: str = "refuse"
    max_tokens: int | None = None
    temperature: float = 0.0
    extra: dict = field(default_factory=dict)
    concurrency: int = 8
    timeout: float = 60.0
    pause: float = 1.0
    longest_pause: float = 600.0
    budget_calls: int | None = None
    budget_tokens: int | None = None

    def __post_init__(self):
        for key, accepted in (("verdict", VERDICTS), ("unreadable", UNREADABLE)):
            if getattr(self, key) not in accepted:
                raise NashsimError(f"{key}: {' or '.join(accepted)} is needed, found {getattr(self, key)!r}")
        for key in (
            "max_tokens",
            "concurrency",
            "timeout",
            "pause",
            "longest_pause",
            "budget_calls",
            "budget_tokens",
        ):
            value = getattr(self, key)
            if value is not None and not value > 0:
                raise NashsimError(f"{key}: a number > 0 is needed, found {value}")
        if not self.base_url.startswith(("http://", "https://")) or not _has_server(self.base_url):
            raise NashsimError(
                f"base_url: http:// or https:// with a server's name, and its port if any, is needed, found"
                f" {self.base_url!r}"
            )
        if self.temperature < 0:
            raise NashsimError(f"temperature: a number >= 0 is needed, found {self.temperature:g}")
        labels = [label.casefold() for label in self.labels]
        if len(labels) not in (2, 3) or len(set(labels)) < len(labels) or not all(map(str.strip, labels)):
            raise NashsimError(
                f"labels: those of the first, the second and a tie, if any, found {self.labels}"
            )
        if missing := [name for name in ("a", "b") if f"{{{name}}}" not in self.template]:
            raise NashsimError(f"template: {{a}} and {{b}} are needed, found no {{{missing[0]}}}")

    def key(self) -> str | None:
        """Return the key from the environment, or None where a server of one's own needs none.

        Raises
        ------
        NashsimError
            For the hosted service without one, or one that no header of HTTP takes.
        """
        found = os.environ.get(self.key_env) or None
        if found is None and self.base_url == HOSTED:
            raise NashsimError(
                f"judge.openai.key_env: the environment has no {self.key_env}; export it, or set"
                " judge.openai.base_url to a server of your own"
            )
        if found is not None and not re.fullmatch("[!-~]+", found):
            raise NashsimError(
                f"judge.openai.key_env: what {self.key_env} holds is no key, it has spaces, line breaks or letters that"
                " no header of HTTP takes; export the key alone"
            )
        return found

    def request(self, comparison: Comparison) -> dict:
        """Return the body of the request for one order of a comparison.

        Parameters
        ----------
        comparison : Comparison
            Question about texts.

        Raises
        ------
        NashsimError
            For a name of the template that the row does not have.
        """
        of_probabilities = self.verdict == "logprob"
        messages = [{"role": "system", "content": self.system}] if self.system is not None else []
        body = {
            "model": self.model,
            "messages": [*messages, {"role": "user", "content": self._question(comparison)}],
            "temperature": self.temperature,
            "max_tokens": self.max_tokens or (1 if of_probabilities else 64),
        }
        if of_probabilities:
            body |= {"logprobs": True, "top_logprobs": 20}
        return {name: value for name, value in (body | self.extra).items() if value is not None}

    def _question(self, comparison: Comparison) -> str:
        said = comparison.prompt
        if isinstance(said, tuple):
            said = "\n\n".join(f"{role}: {content}" for role, content in said)
        *others, last = self.labels
        named = {
            **(comparison.metadata or {}), "prompt": said, "a": comparison.a, "b": comparison.b,
            "labels": f"{', '.join(others)} or {last}",
        }  # fmt: skip

        def fill(match: re.Match) -> str:
            if match[1] not in named:
                raise NashsimError(
                    f"judge.openai.template: {match[0]} is no column of the prompt's row; found {', '.join(named)}"
                )
            return str(named[match[1]])

        # In one pass: braces of a response are its own.
        return re.sub(r"\{(\w+)\}", fill, self.template)


def _has_server(url: str) -> bool:
    """Whether an address names a server, and a port that there can be."""
    try:
        found = urlsplit(url)
        return bool(found.hostname) and found.port != 0 and " " not in url
    except ValueError:
        return False
