"""The command line: help with examples, and one line with status 2 for whatever is wrong."""

import pytest

from llm_bridge.cli import call


def test_help_has_examples(capsys):
    assert call(["demo", "--help"]) == 0
    assert "llm-bridge demo --rule inpo" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["demo", "--rule", "inpoo"], "did you mean 'inpo'"),
        (["demo", "--rule", "ipno"], "did you mean 'ipo'"),
        (["demo", "--queries", "many"], "valid integer"),
        (["demo", "--queries", "0"], "a budget of at least 1"),
        (["demo", "--tau", "0"], "tau: a number > 0"),
        (["dmo"], "dmo"),
        (["demo", "--rul", "inpo"], "--rul"),
    ],
)
def test_bad_input_is_one_line_and_status_2(arguments, words, capsys):
    assert call(arguments) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("llm-bridge: ") and shown.count("\n") == 1 and words in shown
