"""Answers of a judge on disk, one SQLite file: whatever was paid for is never paid for again."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock

import numpy as np

from nashsim.errors import NashsimError
from nashsim.files import to_json

from ..checked import check_probabilities
from ..protocol import Comparison


def key_of(*parts) -> str:
    """Return what names a question: a hash of the JSON of its parts.

    Parameters
    ----------
    *parts
        Values that the answer is a function of.
    """
    return hashlib.sha256(to_json(list(parts)).encode()).hexdigest()


class AnswerStore:
    """Probabilities by their questions, and the calls and tokens spent on them; every answer is one transaction.

    Several processes may share a file. It is made with the first answer.

    Parameters
    ----------
    path : str or Path
        File of the answers.
    """

    def __init__(self, path: str | Path):
        self.path, self._lock = Path(path), Lock()
        self._connection: sqlite3.Connection | None = None

    def get(self, key: str) -> float | None:
        """Return the probability that a question was answered with, or None.

        Parameters
        ----------
        key : str
            Key of the question.
        """
        if self._connection is None and not self.path.exists():
            return None
        found = self._run("SELECT probability FROM answers WHERE key = ?", key)
        return found[0][0] if found else None

    def put(self, key: str, probability: float, said: str = "") -> None:
        """Keep an answer.

        Parameters
        ----------
        key : str
            Key of the question.
        probability : float
            Answer to it.
        said : str
            Words of the answer, for people who look.
        """
        self._run("INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", key, probability, said)

    def spend(self, calls: int = 0, tokens: int = 0) -> tuple[int, int]:
        """Count calls and tokens; return those of all runs on this file.

        Parameters
        ----------
        calls, tokens : int
            Calls and tokens to add.
        """
        [total] = self._run(
            "UPDATE spent SET calls = calls + ?, tokens = tokens + ? RETURNING calls, tokens", calls, tokens
        )
        return total

    def _run(self, statement: str, *values) -> list[tuple]:
        try:
            with self._lock:
                if self._connection is None:
                    self._connection = self._opened()
                with self._connection:
                    return self._connection.execute(statement, values).fetchall()
        except (sqlite3.Error, OSError) as error:
            raise NashsimError(
                f"judge.cache_file: {str(self.path)!r} cannot be read or written ({error}); make room, or name another"
            ) from error

    def _opened(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        opened = sqlite3.connect(self.path, timeout=60, check_same_thread=False)
        with opened:
            opened.execute("BEGIN IMMEDIATE")
            opened.execute(
                "CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, probability REAL, said TEXT)"
            )
            opened.execute("CREATE TABLE IF NOT EXISTS spent (calls INTEGER, tokens INTEGER)")
            opened.execute("INSERT INTO spent SELECT 0, 0 WHERE NOT EXISTS (SELECT * FROM spent)")
        return opened


class StoredFunction:
    """A judge's function that asks only for what a file does not know, and keeps the answers there.

    Parameters
    ----------
    function : callable
        Function of comparisons to probabilities.
    store : AnswerStore
        File of its answers.
    name : str
        Name of the function, by which its answers are told from another's.
    """

    #: It answers anew under another number of the draw.
    draws = True

    def __init__(self, function: Callable, store: AnswerStore, name: str):
        self.function, self.store, self.name = function, store, name

    def __call__(self, comparisons: Sequence[Comparison], draw: int = 0) -> np.ndarray:
        """Return P(a ≻ b) of every comparison, shape (batch,); arguments as of ``ChatFunction``."""
        facts = [None if c.metadata is None else repr(c.metadata) for c in comparisons]
        keys = [key_of(self.name, *c[:3], fact, draw) for c, fact in zip(comparisons, facts, strict=True)]
        known = {key: self.store.get(key) for key in keys}
        fresh = [(key, c) for key, c in zip(keys, comparisons, strict=True) if known[key] is None]
        if fresh:
            found = check_probabilities(self.function([c for _, c in fresh]), len(fresh)).tolist()
            for (key, _), probability in zip(fresh, found, strict=True):
                self.store.put(key, probability)
                known[key] = probability
        return np.array([known[key] for key in keys])
