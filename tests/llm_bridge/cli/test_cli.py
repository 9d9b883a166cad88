"""The command line: help with examples, and one line with status 2 for whatever is wrong."""

import json

import pytest

from llm_bridge.cli import call
from llm_bridge.recipes import recipes


def test_help_has_examples(capsys):
    assert call(["demo", "--help"]) == 0
    assert "llm-bridge demo --rule inpo" in " ".join(capsys.readouterr().out.split())


def test_version_short_help_and_recipes_as_json(capsys):
    assert call(["--version"]) == 0 and capsys.readouterr().out.startswith("llm-bridge ")
    assert call(["-h"]) == 0 and "Commands:" in capsys.readouterr().out
    assert call(["recipes", "--json"]) == 0
    listed = {row["name"]: row["departure"] for row in json.loads(capsys.readouterr().out)}
    assert list(listed) == recipes() and listed["enumerable-inpo"] is None


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
