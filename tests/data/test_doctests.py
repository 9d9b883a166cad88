"""The examples in this room's docstrings."""

import doctest
import importlib
import pkgutil

import pytest

import nashsim.data

MODULES = [f"nashsim.data.{module.name}" for module in pkgutil.iter_modules(nashsim.data.__path__)]


@pytest.mark.parametrize("module", [*MODULES, "nashsim.inspection"])
def test_examples(module):
    assert doctest.testmod(importlib.import_module(module)).failed == 0
