"""A rule is registered by the file it stands in, and by nothing else."""

import importlib
import re
import sys
from pathlib import Path

import pytest

import nashsim.rules
from nashsim import NashsimError
from nashsim.discovery import named_classes
from nashsim.rules import OMD, RULES, Rule, registry
from nashsim.rules.__main__ import table

ROOT = Path(__file__).resolve().parents[2]

NEW = '''"""A rule in a file of its own."""

from dataclasses import dataclass

from nashsim.rules.one_call import OMD


@dataclass(frozen=True)
class Slow(OMD):
    """One-call steps, under another name."""

    name = "{name}"


@dataclass(frozen=True)
class Unnamed(OMD):
    """A base of other rules has no name of its own."""
'''


@pytest.fixture
def planted(tmp_path, monkeypatch):
    """Return a function that puts a file with a rule beside the package's own and looks for rules again."""

    def plant(name):
        (tmp_path / "aa_new.py").write_text(NEW.format(name=name))
        monkeypatch.setattr(nashsim.rules, "__path__", [*nashsim.rules.__path__, str(tmp_path)])
        importlib.invalidate_caches()
        return named_classes("nashsim.rules", Rule, registry._FIRST)

    yield plant
    sys.modules.pop("nashsim.rules.aa_new", None)
    vars(nashsim.rules).pop("aa_new", None)


def test_a_file_is_all_that_a_rule_takes_and_it_follows_the_first_ones(planted):
    found = planted("slow")
    assert found[:25] == RULES[:25] and {cls.name for cls in found} == {cls.name for cls in RULES} | {"slow"}


def test_a_name_is_taken_once(planted):
    with pytest.raises(
        NashsimError, match="name: 'omd' of nashsim.rules.aa_new is taken by nashsim.rules.one_call"
    ):
        planted("omd")


def test_a_subclass_that_stands_elsewhere_is_no_rule_of_the_package():
    class Mine(OMD):
        name = "mine"

    assert Mine not in named_classes("nashsim.rules", Rule, registry._FIRST) == RULES


def test_every_rule_can_be_imported_from_the_package():
    assert all(getattr(nashsim.rules, cls.__name__) is cls for cls in RULES)


def test_the_table_of_the_documentation_has_every_rule_once():
    """The page is written from it: nothing stands there that the registry does not say."""
    rows = table().splitlines()[2:]
    named = [name for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[1])]
    assert sorted(named) == sorted(cls.name for cls in RULES)
    page = (ROOT / "docs/which-rule.md").read_text(encoding="utf-8")
    assert "```{include} _generated/rules.md" in page
    advised = set(re.findall(r"`([a-z-]+)`", page.partition("## What is proved")[0]))
    pytest.importorskip("torch")
    from llm_bridge.algorithms import algorithms
    from nashsim.offline import METHODS
    from nashsim.online import LEARNERS

    known = {*named, *algorithms(), *(cls.name for cls in LEARNERS), *METHODS, "solve", "lottery"}
    assert len(advised) > 20 and advised <= known, advised - known
