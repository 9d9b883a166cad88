"""A reader of stdout that has gone, such as ``head``, is told nothing, and neither is stderr."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize("command", ["nashsim games", "llm_bridge recipes --json"])
def test_nothing_is_said_to_a_reader_that_has_gone(command):
    pytest.importorskip("torch")
    reading, writing = os.pipe()
    os.close(reading)
    found = subprocess.run(
        [sys.executable, "-m", *command.split()],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    # the parser of the command line ends so at a broken pipe
    assert (found.returncode, found.stderr) == (1, "")
