"""Every format has examples, and every example is read as its format."""

import pytest

from nashsim.data import FORMATS, load
from nashsim.inspection import inspect
from tests.data.material import write

EXAMPLES = [(name, example) for name, form in FORMATS.items() for example in form.examples]


@pytest.mark.parametrize(("name", "example"), EXAMPLES, ids=[f"{name}: {e.title}" for name, e in EXAMPLES])
def test_examples_are_read_as_their_format(tmp_path, name, example):
    """By options that say what cannot be seen, and else by recognition alone."""
    data = load(write(tmp_path, "example.txt", example.text), **example.options)
    assert data.reading.startswith(f"{name} (")
    assert set(data.labels) <= {"x", "y", "z", "0", "1", "2"}
    assert inspect(data, bootstrap=0).n == data.n
    asked = load(write(tmp_path, "example.txt", example.text), **{"format": name, **example.options})
    assert (asked.probability == data.probability).all()


def test_nothing_is_listed_without_an_example():
    assert all(form.examples and form.words and form.options for form in FORMATS.values())
