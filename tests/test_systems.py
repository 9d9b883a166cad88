"""The table of systems: every row has a command, and every command does what it says."""

import json
import re
import shlex
from pathlib import Path

import pytest

from nashsim.cli import call

TEXT = (Path(__file__).resolve().parent.parent / "docs/systems.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"\| `((?:nashsim|llm-bridge) [^`]*)` \|$", TEXT, flags=re.MULTILINE)
#: What the field's systems are called there.
SYSTEMS = (
    "KTO", "PEPO", "MNPO", "misspecified KL-RL", "forward-KL offline", "CTPO", "RDRO", "UNA", "golden questions",
    "annotator contracts", "response times", "ENPO", "DNO", "INPO", "Nash-MD", "Nash-MP",
)  # fmt: skip


def test_every_system_has_its_row_and_its_command():
    rows = [line.split("|")[1].strip() for line in TEXT.splitlines() if line.startswith("| ")]
    assert set(rows) - {"system"} == set(SYSTEMS) and len(COMMANDS) == len(SYSTEMS)


@pytest.mark.parametrize(
    "command", [one for one in COMMANDS if one.split()[1] in ("run", "verify", "regret", "offline")]
)
def test_commands_run(command, capsys):
    program, *arguments = shlex.split(command)
    assert program == "nashsim" and call([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)


def test_figures_and_recipes_are_there():
    from llm_bridge.recipes import recipes
    from nashsim.cli.reproducing import find_experiments

    for command in COMMANDS:
        _, verb, what, *_ = shlex.split(command)
        if verb in ("reproduce", "train"):
            assert what in (find_experiments() if verb == "reproduce" else recipes())
