"""The sign of work of unknown length: on a terminal, not before its time, and gone at the end."""

import io
import time

import pytest
from rich.console import Console

from nashsim.progress import waiting


def shown(terminal: bool, after: float, seconds: float) -> str:
    """What is written while work takes some seconds."""
    text = io.StringIO()
    with waiting("reading votes.csv", after, Console(file=text, force_terminal=terminal, width=80)):
        time.sleep(seconds)
    return text.getvalue()


def test_it_appears_after_its_time_and_goes():
    text = shown(True, 0.05, 0.6)
    assert "reading votes.csv" in text and "0:00:0" in text
    assert text.endswith("\x1b[2K")  # the line is erased


def test_short_work_and_pipes_show_nothing():
    assert shown(True, 30.0, 0.0) == "" and shown(False, 0.0, 0.1) == ""


def test_errors_pass_and_the_sign_goes():
    text = io.StringIO()
    with pytest.raises(ValueError, match="broken"):  # noqa: SIM117  # the sign must be gone before the error is
        with waiting("reading", 0.0, Console(file=text, force_terminal=True, width=80)):
            time.sleep(0.3)
            raise ValueError("broken")
    assert text.getvalue().endswith("\x1b[2K")
