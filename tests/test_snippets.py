"""Every snippet of the README and of the documentation runs as it stands, on the files that a newcomer has."""

import re
import shlex
from pathlib import Path

import pytest

from nashsim.cli import call

ROOT = Path(__file__).resolve().parent.parent
PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    if not any(part.startswith("_") or part == "gallery" for part in path.relative_to(ROOT).parts)
}


def found(pattern, flags=re.DOTALL):
    """(page, snippet) of every page, each snippet once."""
    pairs = {}
    for page, text in PAGES.items():
        for snippet in re.findall(pattern, text, flags=flags):
            pairs.setdefault(snippet, page)
    return [pytest.param(snippet, id=f"{page}-{k}") for k, (snippet, page) in enumerate(pairs.items())]


PYTHON = found(r"```python\n((?!# file: ).*?)```")
COMMANDS = found(r"^\$ nashsim (.*)$", flags=re.MULTILINE)
BRIDGE = {page: re.findall(r"^\$ llm-bridge (.*)$", text, flags=re.MULTILINE) for page, text in PAGES.items()}

FILES = {
    "battles.csv": "model_a,model_b,winner\nx,y,model_a\ny,z,model_a\nz,x,tie\nx,y,model_b\n",
    "games.csv": "team1,team2,score1,score2\nred,blue,3,1\nblue,green,2,2\ngreen,red,1,0\n",
    "matrix.csv": ",a,b\na,50,60\nb,40,50\n",
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the files that the pages speak of."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("code", PYTHON)
@pytest.mark.filterwarnings("ignore::nashsim.StepSizeWarning")
def test_python(code, folder, capsys):
    import matplotlib.pyplot as plt

    exec(compile(code, "snippet", "exec"), {"__name__": "snippet"})
    plt.close("all")
    printed = capsys.readouterr().out
    for expected in re.findall(r"# (converged|not converging)", code):
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


@pytest.mark.parametrize("page", [page for page, commands in BRIDGE.items() if commands])
def test_a_newcomer_follows_a_page_from_its_first_command_to_its_last(page, own_model, capsys):
    """Every command in its order, on the files that the page shows; trainings are cut to two short iterations."""
    from llm_bridge.cli import call as bridge

    for name, text in re.findall(
        r"```(?:yaml|python)\n# (?:file: )?(\S+)\n(.*?)```", PAGES[page], flags=re.DOTALL
    ):
        Path(name).write_text(text)
    for command in BRIDGE[page]:
        words = shlex.split(command)
        if words[0] == "train" and "--dry-run" not in words:
            words += ["--quiet", "--training.fit_steps", "2", "--evaluation.prompts", "4"]
            words += [] if "--resume" in words else ["--training.iterations", "2"]
        if words[0] == "demo":
            words.append("--dry-run")
        assert bridge(words) == 0, (command, capsys.readouterr().err)
    if page == "docs/llm/guide.md":
        assert Path("iterates/win-rates.png").exists() and Path("comparison/evaluation.json").exists()


def test_there_are_snippets():
    assert len(PYTHON) >= 12 and len(COMMANDS) >= 20 and len(BRIDGE["docs/llm/guide.md"]) >= 10
    assert len(PAGES["README.md"].splitlines()) <= 130


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files_that_are_there(page):
    for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", PAGES[page]):
        made = target.endswith(".rst") and ("gallery" in target or "reference" in target)
        assert made or ((ROOT / page).parent / target).exists(), f"{page} links {target}"


def test_the_readme_shows_four_figures_and_five_plots():
    assert len(set(re.findall(r"\]\((figures/\S+)\)", PAGES["README.md"]))) == 4
    [plots] = [
        code for code in re.findall(r"```python\n(.*?)```", PAGES["README.md"], re.DOTALL) if "plots" in code
    ]
    assert len(re.findall(r"^(?:plots\.|runs\[-1\]\.plot)", plots, re.MULTILINE)) == 5
