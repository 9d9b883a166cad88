"""What newcomers read names files, modules and commands that are there."""

import doctest
import importlib
import importlib.util
import re
import shlex
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, flags=re.MULTILINE))


def text_of(name):
    return (ROOT / name).read_text(encoding="utf-8")


def moves():
    return re.findall(r"^\| `([\w.]+)` \| `([\w.]+)` \|$", text_of("CHANGELOG.md"), flags=re.MULTILINE)


def test_modules_moved_to_where_the_changelog_says():
    assert len(moves()) > 60
    for old, new in moves():
        assert importlib.util.find_spec(new), f"CHANGELOG.md sends {old} to {new}, which is not there"
    assert len({old for old, _ in moves()}) == len(moves())


def test_the_version_to_cite_is_the_one_released():
    import yaml

    citation = yaml.safe_load(text_of("CITATION.cff"))
    [released, *_] = re.findall(r"^## \[(\d\S*)\] - (\S+)$", text_of("CHANGELOG.md"), flags=re.MULTILINE)
    assert (citation["version"], str(citation["date-released"])) == released
    assert citation["cff-version"] == "1.2.0" and citation["authors"] == [{"name": "nashsim developers"}]


def test_the_hooks_are_local_and_those_of_lint():
    import yaml

    [repository] = yaml.safe_load(text_of(".pre-commit-config.yaml"))["repos"]
    assert repository["repo"] == "local"
    lint = re.search(r"^lint:.*\n((?:\t.*\n)+)", MAKEFILE, flags=re.MULTILINE)[1]
    checks = ["ruff check", "ruff format", "python -m mypy"]
    assert all(check in lint for check in checks) and lint.count("\n") == len(checks)
    for check, hook in zip(checks, repository["hooks"], strict=True):
        assert f".venv/bin/{check}" in hook["entry"]


CONTRIBUTING = text_of("CONTRIBUTING.md")
SNIPPETS = re.findall(r"```python\n# (\S+)\n(.*?)```", CONTRIBUTING, flags=re.DOTALL)
COMMANDS = re.findall(r"^\$ (.*?)(?:\s+#.*)?$", CONTRIBUTING, flags=re.MULTILINE)


def test_contributing_names_files_that_are_there():
    text = re.sub(r"```.*?```", "", CONTRIBUTING, flags=re.DOTALL)
    named = [word for word in re.findall(r"`([\w./*-]+)`", text) if re.search(r"/\w|\.md$", word)]
    assert len(named) > 30
    for word in named:
        if "NAME" not in word:
            assert list(ROOT.glob(word.rstrip("/"))), f"CONTRIBUTING.md names {word}, which is not there"
        else:
            assert list(ROOT.glob(str(Path(word).parent))), f"CONTRIBUTING.md sends {word} to no folder"


@pytest.mark.parametrize("command", COMMANDS)
def test_contributing_names_commands_that_are_there(command):
    words = shlex.split(command)
    program = words[0].removeprefix(".venv/bin/")
    if program == "make":
        assert words[1] in TARGETS
    elif words[1:3] == ["-m", "pytest"]:
        assert all((ROOT / word).exists() for word in words[3:] if not word.startswith("-"))
    elif program == "python":
        assert importlib.util.find_spec(words[2])
    elif program in ("nashsim", "llm-bridge"):
        commands = importlib.import_module(f"{program.replace('-', '_')}.cli.app").app.registered_commands
        assert words[1] in {found.name or found.callback.__name__.replace("_", "-") for found in commands}
    else:
        assert program == "pre-commit" and "pre-commit" in text_of("pyproject.toml")


@pytest.fixture
def planted(tmp_path, monkeypatch):
    """The snippets of CONTRIBUTING.md, imported as if they stood in the files that they name; by their file."""
    from llm_bridge.algorithms import FITS
    from llm_bridge.algorithms.registry import NAMED

    known, found = [dict(registry) for registry in (FITS, NAMED)], {}
    for path, text in SNIPPETS:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
        package = importlib.import_module(".".join(Path(path).parent.parts))
        monkeypatch.setattr(package, "__path__", [*package.__path__, str((tmp_path / path).parent)])
        importlib.invalidate_caches()
        found[path] = importlib.import_module(f"{package.__name__}.{Path(path).stem}")
    yield found
    for path, module in found.items():
        del sys.modules[module.__name__]
        delattr(sys.modules[module.__package__], Path(path).stem)
    for registry, before in zip((FITS, NAMED), known, strict=True):
        registry.clear()
        registry.update(before)


def test_what_contributing_adds_works(planted, monkeypatch):
    """The rule has the properties of one, the claim stands, the fit and the algorithm train towards the Nash."""
    from llm_bridge.algorithms import get_algorithm
    from llm_bridge.tasks import EnumerableTask
    from llm_bridge.tasks.exact import train
    from nashsim.discovery import named_classes
    from nashsim.rules import Rule, registry
    from nashsim.testing import check_rule
    from nashsim.theory.verification import examine

    for module in planted.values():
        assert doctest.testmod(module).failed == 0
    rule = planted["nashsim/rules/lazy.py"].LazyOMD()
    assert type(rule) in named_classes("nashsim.rules", Rule, registry._FIRST)
    check_rule(rule)
    [claim] = planted["nashsim/theory/claims/lazy.py"].CLAIMS
    assert examine(claim, claim.instances(16)).ok
    task = EnumerableTask(vocabulary=4, length=1, tau=0.3)
    fit = planted["llm_bridge/algorithms/fits/absolute.py"].Absolute
    for algorithm in (get_algorithm("nash-md", fit=fit), get_algorithm("omd-of-eight"), get_algorithm(rule)):
        gaps = [row["duality_gap"] for row in train(task, algorithm, queries=8).records]
        assert gaps[-1] < gaps[0] / 2, algorithm.name


def test_the_lowest_versions_are_those_that_are_accepted():
    """What `make test-lowest` installs is every floor of the dependencies, and of the extra that its tests take."""
    import tomllib

    project = tomllib.loads(text_of("pyproject.toml"))["project"]
    floors = [*project["dependencies"], *project["optional-dependencies"]["arrow"]]
    assert sorted(floor.replace(">=", "==") for floor in floors) == text_of(".ci/lowest.txt").split()
    assert not any(compiled in str(floors) for compiled in ("ecos", "scs"))


def test_a_package_index_shows_the_readme_without_what_only_the_repository_has():
    import tomllib

    readme = text_of("README.md")
    hook = tomllib.loads(text_of("pyproject.toml"))["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]
    for change in hook["substitutions"]:
        readme = re.sub(change["pattern"], change["replacement"], readme)
    assert "# nashsim" in readme and not re.findall(r"\]\((?!https?:)|<img", readme)


def test_without_make_nox_runs_the_commands_of_the_makefile(monkeypatch):
    import types

    ran, sessions = [], {}
    nox = types.SimpleNamespace(options=types.SimpleNamespace(), Session=object)
    nox.session = lambda run, name: sessions.setdefault(name, run)
    monkeypatch.setitem(sys.modules, "nox", nox)
    spec = importlib.util.spec_from_file_location("noxfile", ROOT / "noxfile.py")
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    session = types.SimpleNamespace(
        posargs=[], install=lambda *_, **__: None, run=lambda *words: ran.append(words)
    )
    sessions["test-fast"](session)
    sessions["lint"](session)
    assert set(sessions) <= TARGETS and all("$" not in word for words in ran for word in words)
    assert ran[0][:5] == ("python", "-m", "pytest", "-m", "not slow") and ran[0][-1] == "@.ci/fast.txt"
    assert ran[1:] == [("ruff", "check", "."), ("ruff", "format", "--check", "."), ("python", "-m", "mypy")]
    assert all((ROOT / name).exists() for name in text_of(".ci/fast.txt").split())


HELPS = """
import contextlib, importlib, io, sys
for extra in {extras!r}:
    sys.modules[extra] = None
import typer
for package in ("nashsim", "llm_bridge"):
    cli = importlib.import_module(package + ".cli")
    group = typer.main.get_command(importlib.import_module(package + ".cli.app").app)
    for name in ["", *group.commands]:
        with contextlib.redirect_stdout(io.StringIO()) as told:
            assert cli.call([name, "--help"] if name else ["--help"]) == 0, (package, name)
        assert "Usage" in told.getvalue()
"""


def test_the_help_of_every_command_needs_no_extra():
    import subprocess

    extras = (
        "bokeh",
        "cma",
        "dask",
        "ecos",
        "gguf",
        "httpx2",
        "pyarrow",
        "ray",
        "torch",
        "transformers",
        "yaml",
    )
    done = subprocess.run([sys.executable, "-c", HELPS.format(extras=extras)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_documentation_can_be_built_as_it_says():
    """What `make docs` installs is pinned, and every page stands in a table of contents."""
    import tomllib

    docs = tomllib.loads(text_of("pyproject.toml"))["project"]["optional-dependencies"]["docs"]
    pins = text_of(".ci/constraints.txt").lower().split()
    assert all(pin.lower() in pins for pin in docs if "==" in pin) and sum("==" in pin for pin in docs) == 4
    listed = set(re.findall(r"^[\w/-]+$", text_of("docs/index.md"), flags=re.MULTILINE))
    written = {
        p.relative_to(ROOT / "docs").with_suffix("").as_posix() for p in (ROOT / "docs").rglob("[a-z]*.md")
    }
    written = {page for page in written if not page.startswith(("_", "gallery", "reference"))}
    assert written - {"index"} == listed - {"gallery/index", "reference/index"}
