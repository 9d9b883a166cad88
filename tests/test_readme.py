"""Every snippet of the README runs as it stands."""

import re
import shlex
from pathlib import Path

import pytest

from nashsim.cli import call

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
LLM_COMMANDS = re.findall(r"^\$ llm-bridge (.*)$", README, flags=re.MULTILINE)
YAML = re.findall(r"```yaml\n# (\S+)\n(.*?)```", README, flags=re.DOTALL)
COMMANDS = re.findall(r"^\$ nashsim (.*)$", README, flags=re.MULTILINE)

FILES = {
    "battles.csv": "model_a,model_b,winner\nx,y,model_a\ny,z,model_a\nz,x,tie\nx,y,model_b\n",
    "games.csv": "team1,team2,score1,score2\nred,blue,3,1\nblue,green,2,2\ngreen,red,1,0\n",
    "matrix.csv": ",a,b\na,50,60\nb,40,50\n",
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the files that the README speaks of."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("number", range(len(PYTHON)))
@pytest.mark.filterwarnings("ignore::nashsim.StepSizeWarning")
def test_python(number, folder, capsys):
    exec(compile(PYTHON[number], f"README python {number}", "exec"), {"__name__": "readme"})
    printed = capsys.readouterr().out
    for expected in re.findall(r"# (converged|not converging)", PYTHON[number]):
        assert expected in printed


@pytest.mark.parametrize("command", COMMANDS)
def test_command(command, folder, capsys):
    assert call(shlex.split(command)) == 0, capsys.readouterr().err


@pytest.fixture
def own_model(folder):
    """What a newcomer has: a model (a tiny one here), prompts and pairs."""
    import torch

    from llm_bridge.models.tiny import save_tiny

    torch.set_num_threads(1)
    save_tiny("my-model", width=16, layers=1, context=256)
    words = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    Path("prompts.jsonl").write_text("".join(f'{{"prompt": "Say {w}."}}\n' for w in words))
    pairs = "".join(f'{{"prompt": "Say {w}.", "chosen": "{w}!", "rejected": "no"}}\n' for w in words)
    Path("pairs.jsonl").write_text(pairs)
    for name, text in YAML:
        Path(name).write_text(text)


def test_a_newcomer_comes_from_the_demo_to_a_model_of_their_own(own_model, capsys):
    """Every command in its order; trainings are cut to two short iterations."""
    from llm_bridge.cli import call as bridge

    for command in LLM_COMMANDS:
        words = shlex.split(command)
        if words[0] == "train" and "--dry-run" not in words:
            words += ["--quiet", "--training.fit_steps", "2", "--evaluation.prompts", "4"]
            words += [] if "--resume" in words else ["--training.iterations", "2"]
        if words[0] == "demo":
            words.append("--dry-run")
        assert bridge(words) == 0, (command, capsys.readouterr().err)
    assert Path("iterates/win-rates.png").exists() and Path("comparison/evaluation.json").exists()
    assert len(LLM_COMMANDS) >= 10


def test_there_are_snippets_and_figures():
    assert len(PYTHON) >= 2 and len(COMMANDS) >= 10
    for figure in re.findall(r"\]\((figures/\S+)\)", README):
        assert (ROOT / figure).exists(), figure
