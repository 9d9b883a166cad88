"""Every public name is documented, every parameter is described, every example runs."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

import llm_bridge
import nashsim

MODULES = sorted(
    module.name
    for package in (llm_bridge, nashsim)
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
)


def public(module):
    """Yield (qualified name, object) of what a module defines without a leading underscore."""
    for name, thing in vars(module).items():
        defined_here = getattr(thing, "__module__", None) == module.__name__
        if (
            name.startswith("_")
            or not defined_here
            or not (inspect.isclass(thing) or inspect.isroutine(thing))
        ):
            continue
        yield f"{module.__name__}.{name}", thing
        if inspect.isclass(thing):
            for member, value in vars(thing).items():
                value = getattr(value, "__func__", value)
                if not member.startswith("_") and (inspect.isfunction(value) or isinstance(value, property)):
                    yield f"{module.__name__}.{name}.{member}", value


@pytest.mark.parametrize("name", MODULES)
def test_public_names_are_documented(name):
    module = importlib.import_module(name)
    assert module.__doc__, f"{name} says nothing of itself"
    for where, thing in public(module):
        assert inspect.getdoc(thing), f"{where} has no docstring"


@pytest.mark.parametrize("name", [m for m in MODULES if ".cli" not in m])
def test_parameters_are_described(name):
    """In a docstring with a section on parameters every parameter stands."""
    for where, thing in public(importlib.import_module(name)):
        if isinstance(thing, property) or getattr(thing, "__isabstractmethod__", False):
            continue
        text = inspect.getdoc(thing)
        target = thing.__init__ if inspect.isclass(thing) else getattr(thing, "py_func", thing)
        try:
            parameters = [
                p
                for p in inspect.signature(target).parameters
                if not p.startswith("_") and p not in ("self", "cls", "args", "kwargs")
            ]
        except (TypeError, ValueError):
            continue
        sections = (
            text.split("Parameters\n---") if "Parameters\n---" in text else text.split("Attributes\n---")
        )
        if len(sections) > 1:
            for parameter in parameters:
                assert parameter in sections[1], f"{where} does not describe {parameter!r}"


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0, f"{name}: {result.failed} of {result.attempted} examples print something else"


@pytest.mark.parametrize(("package", "least"), [("llm_bridge", 25), ("nashsim", 60)])
def test_there_are_examples(package, least):
    finder = doctest.DocTestFinder()
    modules = [importlib.import_module(name) for name in MODULES if name.split(".")[0] == package]
    assert sum(bool(test.examples) for module in modules for test in finder.find(module)) > least
