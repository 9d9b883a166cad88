"""How many threads a command takes: as told, as its run began, as the environment says, or as measured."""

import json
import os

import pytest
import torch
import yaml

from llm_bridge.cli import call
from llm_bridge.cli.threads import fastest, product_rates, using_threads

SMALL = ("train", "enumerable-inpo", "--training.iterations", "1", "--training.fit_steps", "1", "--quiet")


@pytest.fixture(autouse=True)
def as_before():
    before = torch.get_num_threads()
    yield
    assert torch.get_num_threads() == before


def test_every_source_in_its_turn(tmp_path, monkeypatch):
    (tmp_path / "config.yaml").write_text("threads: 3\n")
    told = []
    for asked, run in ((2, tmp_path), (None, tmp_path), (None, tmp_path / "none")):
        with using_threads(asked, run) as line:
            told.append((torch.get_num_threads(), line))
    assert told[0] == (2, "2 threads (as asked for)") and told[1] == (3, "3 threads (as the run began)")
    assert told[2][0] == torch.get_num_threads() and told[2][1].endswith("(OMP_NUM_THREADS)")
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setattr("llm_bridge.cli.threads.product_rates", lambda: {1: 1000.0, 2: 1500.0})
    with using_threads(None) as line:
        assert (torch.get_num_threads(), line) == (2, "2 threads (products a second: 1,000 on 1, 1,500 on 2)")


def test_a_measurement_is_of_one_thread_and_of_all():
    rates = product_rates(0.01)
    assert set(rates) == {1, os.cpu_count()} and min(rates.values()) > 0 and fastest(rates) in rates


def test_a_run_keeps_its_number_and_says_it(tmp_path, capsys):
    out = str(tmp_path / "run")
    assert call([*SMALL, "--output.folder", out, "--threads", "2"]) == 0
    assert capsys.readouterr().err.startswith("2 threads (as asked for)\n")
    assert yaml.safe_load((tmp_path / "run/config.yaml").read_text())["threads"] == 2
    more = [*SMALL, "--output.folder", out, "--training.iterations", "2", "--resume"]
    assert call(more) == 0
    assert capsys.readouterr().err.startswith("2 threads (as the run began)\n")
    assert call([*more, "--training.iterations", "3", "--threads", "1"]) == 0
    assert yaml.safe_load((tmp_path / "run/config.yaml").read_text())["threads"] == 1
    capsys.readouterr()
    assert call(["evaluate", out, "--prompts", "4", "--samples", "1", "--threads", "1", "--json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out) and "1 thread (as asked for)" in told.err


@pytest.mark.parametrize("command", [SMALL, ("evaluate", "--dry-run"), ("demo", "--dry-run"), ("judge", "x")])
def test_no_threads_are_refused_in_a_line(command, capsys):
    assert call([*command, "--threads", "0"]) == 2
    assert capsys.readouterr().err == "llm-bridge: threads: a whole number >= 1 is needed, found 0\n"
