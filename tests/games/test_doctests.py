"""The examples in this room's docstrings."""

import doctest
import importlib
import pkgutil

import pytest

import nashsim.games


@pytest.mark.parametrize("module", [module.name for module in pkgutil.iter_modules(nashsim.games.__path__)])
def test_examples(module):
    found = doctest.testmod(importlib.import_module(f"nashsim.games.{module}"))
    assert found.failed == 0 and found.attempted > 0
