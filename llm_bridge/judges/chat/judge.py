"""A chat model behind an OpenAI-compatible endpoint as a judge: many requests at once, pauses, a budget, a file."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Lock

import numpy as np

from nashsim.errors import NashsimError, first_line

from ..protocol import Comparison
from .answer_store import AnswerStore, key_of
from .options import OpenAIOptions
from .verdict import UnreadableReply, logprob_verdict, text_verdict

#: Further attempts at a request, unless judge.retries says otherwise.
RETRIES = 6


class Failed(Exception):
    """A request that may be made again, after the seconds that the server asks for, if it does."""

    def __init__(self, message: str, pause: float | None = None):
        super().__init__(message)
        self.pause = pause


class ChatFunction:
    """P(a ≻ b) in one order of every comparison, by one request each; what the file knows is not asked.

    Parameters
    ----------
    options : OpenAIOptions
        Endpoint, question and limits.
    store : AnswerStore
        File of answers, and of what was spent.
    retries : int
        Further attempts at a request, >= 0.

    Attributes
    ----------
    calls : int
        Requests sent by this object.
    unreadable : int
        Replies without a verdict that count as ties.

    Raises
    ------
    NashsimError
        For an endpoint that is not there, refuses, keeps failing, or whose budget is spent; answers so far are kept.
    """

    #: It answers anew under another number of the draw.
    draws = True

    def __init__(self, options: OpenAIOptions, store: AnswerStore, retries: int = RETRIES):
        try:
            import httpx2
        except ModuleNotFoundError:
            raise NashsimError(
                "judge.openai: httpx2 is not installed; pip install 'nashsim[openai]'"
            ) from None
        self.options, self.store, self.retries = options, store, retries
        self.calls = self.unreadable = 0
        key = options.key()
        try:
            self._http = httpx2.Client(
                timeout=options.timeout,
                headers={} if key is None else {"Authorization": f"Bearer {key}"},
                limits=httpx2.Limits(max_connections=options.concurrency),
            )
        except (ImportError, ValueError) as error:  # a proxy of the environment that cannot be used
            raise NashsimError(
                f"judge.openai: no request can be made under the environment's proxy ({first_line(error)}); unset or"
                " mend HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, or set NO_PROXY"
            ) from None
        self._errors = httpx2.RequestError, httpx2.ConnectError
        self._url = f"{options.base_url.rstrip('/')}/chat/completions"
        self._read = text_verdict if options.verdict == "text" else logprob_verdict
        self._lock, self._resume_at, self._answered = Lock(), 0.0, False

    def __call__(self, comparisons: Sequence[Comparison], draw: int = 0) -> np.ndarray:
        """Return P(a ≻ b) of every comparison as it stands, shape (batch,).

        Parameters
        ----------
        comparisons : sequence of Comparison
            Questions about texts.
        draw : int
            Number of the draw: what is asked again under another number is answered anew.
        """
        with ThreadPoolExecutor(self.options.concurrency) as pool:
            futures = [pool.submit(self._one, comparison, draw) for comparison in comparisons]
            wait(futures, return_when=FIRST_EXCEPTION)
            # Requests under way end and are kept; those that wait are given up with the first failure.
            if any(future.done() and future.exception() for future in futures):
                pool.shutdown(cancel_futures=True)
        for future in futures:
            if not future.cancelled() and (error := future.exception()) is not None:
                raise error
        return np.array([future.result() for future in futures])

    def _one(self, comparison: Comparison, draw: int) -> float:
        body = self.options.request(comparison)
        parts = (self._url, body, self.options.labels, draw)
        key, no_verdict = key_of(*parts), key_of(*parts, "no verdict")
        if (known := self.store.get(key)) is not None:
            return known
        ties = self.options.unreadable == "tie"
        if ties and (known := self.store.get(no_verdict)) is not None:
            self._count_unreadable()
            return known
        for attempt in range(self.retries + 1):
            last = attempt == self.retries
            time.sleep(max(0.0, self._resume_at - time.monotonic()))
            try:
                probability, said = self._read(self._sent(body), self.options.labels)
                break
            except UnreadableReply as error:
                if last and not ties:
                    raise NashsimError(
                        f"judge.openai: no verdict in the reply of {self.options.model} after {attempt + 1} attempts:"
                        f" {error}; change template or max_tokens, or let unreadable: tie count it 1/2"
                    ) from None
                if last:
                    key, probability, said = no_verdict, 0.5, str(error)
                    self._count_unreadable()
            except Failed as error:
                if last:
                    raise NashsimError(
                        f"judge.openai: gave up after {attempt + 1} attempts; the last: {error}; {self._kept()}"
                    ) from None
                self._pause(error, attempt)
        self.store.put(key, probability, said)
        return probability

    def _count_unreadable(self) -> None:
        with self._lock:
            self.unreadable += 1

    def _sent(self, body: dict) -> dict:
        """One request's reply; what may be tried again raises Failed."""
        self._pay()
        try:
            code, pause, content = self._posted(body)
        except self._errors[0] as error:
            if isinstance(error, self._errors[1]) and not self._answered:
                raise NashsimError(
                    f"judge.openai.base_url: nothing answers at {self.options.base_url} ({first_line(error)}); start"
                    " the server, or name another"
                ) from None
            told = str(error) or f"no answer in {self.options.timeout:g} s"
            raise Failed(f"{type(error).__name__}: {told}") from None
        self._answered = True
        if code in (408, 409, 429) or code >= 500:
            raise Failed(f"status {code}{_reason(content)}", pause)
        if code != 200:
            raise NashsimError(
                f"judge.openai: {self._url} refuses with status {code}{_reason(content)}; check base_url, model,"
                f" {self.options.key_env} and extra"
            )
        try:
            reply = json.loads(content)
        except ValueError:
            raise Failed(f"no JSON: {_text(content)[:60]!r}") from None
        self._pay_tokens(reply)
        return reply

    def _posted(self, body: dict) -> tuple[int, float | None, bytes]:
        """Status, pause that is asked for, and content of one reply, which comes whole in time or not at all."""
        until, content = time.monotonic() + self.options.timeout, b""
        with self._http.stream("POST", self._url, json=body) as response:
            for part in response.iter_bytes():
                content += part
                if time.monotonic() > until:
                    raise Failed(f"no whole answer in {self.options.timeout:g} s")
            return response.status_code, _retry_after(response.headers.get("retry-after")), content

    def _pay(self) -> None:
        with self._lock:
            calls, tokens = self.store.spend()
            for name, spent in (("budget_calls", calls), ("budget_tokens", tokens)):
                bound = getattr(self.options, name)
                if bound is not None and spent >= bound:
                    raise NashsimError(
                        f"judge.openai.{name}: {spent} of {bound} are spent; raise it; {self._kept()}"
                    )
            self.store.spend(calls=1)
            self.calls += 1

    def _pay_tokens(self, reply) -> None:
        try:
            self.store.spend(tokens=max(0, int(reply["usage"]["total_tokens"])))
        except (KeyError, TypeError, ValueError, OverflowError):
            if self.options.budget_tokens is not None:
                raise NashsimError(
                    "judge.openai.budget_tokens: the server counts no tokens (usage); set budget_calls instead"
                ) from None

    def _pause(self, error: Failed, attempt: int) -> None:
        asked, longest = error.pause, self.options.longest_pause
        if not asked:  # a pause of 0 s is none: what was too much is so at once again
            time.sleep(min(self.options.pause * 2**attempt, longest))
            return
        if asked > longest:
            raise NashsimError(
                f"judge.openai: the server asks for a pause of {asked:.0f} s ({error}), and longest_pause is"
                f" {longest:g}; come back later: {self._kept()}"
            )
        # A limit of the server's holds for every request.
        self._resume_at = max(self._resume_at, time.monotonic() + asked)

    def _kept(self) -> str:
        return f"answers so far are kept in {self.store.path}, and a resumed run asks for the others alone"


def _text(content: bytes) -> str:
    return content.decode("utf-8", "replace")


def _reason(content: bytes) -> str:
    """What the server says is wrong, on one line."""
    try:
        found = json.loads(content)["error"]
        found = found["message"] if isinstance(found, dict) else found
    except (ValueError, KeyError, TypeError):
        found = _text(content)
    said = " ".join(str(found).split())[:120]
    return f" ({said})" if said else ""


def _retry_after(value: str | None) -> float | None:
    """Seconds of a Retry-After header: a number of them, or a date."""
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None
