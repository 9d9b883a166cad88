"""What newcomers read names files, modules and commands that are there."""

import importlib.util
import re
from pathlib import Path

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
