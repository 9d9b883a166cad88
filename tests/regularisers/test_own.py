"""A regulariser of one's own: the page's is Tsallis at 1/2, and a file in the folder is all that its word needs."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nashsim import NashsimError, run, solve
from nashsim.equilibrium import exploitability
from nashsim.online import play_learner

from ..zoo import random_game

ROOT = Path(__file__).resolve().parents[2]
SNIPPET = re.search(
    r"```python\n(.*?)```", (ROOT / "docs/howto/own-regulariser.md").read_text(encoding="utf-8"), re.DOTALL
)[1]


@pytest.fixture(scope="module")
def own():
    scope = {"__name__": "snippet"}
    sys.modules.setdefault("snippet", type(sys)("snippet"))  # dataclasses look their module up
    exec(compile(SNIPPET.split("\n\ngame = ")[0], "snippet", "exec"), scope)
    return scope["Hellinger"]()


def test_the_pages_regulariser_is_tsallis_at_one_half(own):
    for seed in range(4):
        game = random_game(seed, actions=4, tau=0.2)
        mine, known = game.replace(regulariser=own), game.replace(regulariser="tsallis:0.5")
        assert np.abs(solve(mine).probabilities - solve(known).probabilities).max() < 1e-12
        policy = np.array([0.4, 0.3, 0.2, 0.1])
        assert exploitability(mine, policy) == pytest.approx(exploitability(known, policy), rel=1e-9)
        paths = [run(one, "nash-mp", queries=60, path="numpy").log_policy for one in (mine, known)]
        assert np.abs(np.exp(paths[0]) - np.exp(paths[1])).max() < 1e-12


def test_what_it_lacks_for_compiled_runs_is_said(own):
    game = random_game(0, actions=3, tau=0.2).replace(regulariser=own)
    for refused in (
        lambda: run(game, "omd", queries=10),
        lambda: play_learner(game, "minimax-self", rounds=10, seeds=1),
    ):
        with pytest.raises(NashsimError, match="has no scalar_inverse"):
            refused()


def test_one_file_is_enough(tmp_path):
    """A copy of the package with one file more: its word solves a game on the command line."""
    shutil.copytree(
        ROOT / "nashsim", tmp_path / "nashsim", ignore=shutil.ignore_patterns("__pycache__", "tables.npz")
    )
    text = SNIPPET.split("\n\ngame = ")[0].replace("from nashsim import PreferenceGame, run, solve\n", "")
    text = text.replace("from nashsim.regularisers import", "from .regulariser import")
    (tmp_path / "nashsim/regularisers/hellinger.py").write_text(text, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "nashsim",
        "solve",
        "biased-rps",
        "--tau",
        "0.2",
        "--json",
        "--regulariser",
    ]
    how = {"cwd": tmp_path, "env": {"PYTHONPATH": str(tmp_path)}, "check": True, "capture_output": True}
    said = [
        json.loads(subprocess.run([*command, word], **how).stdout) for word in ("hellinger", "tsallis:0.5")
    ]
    assert said[0]["regulariser"] == "hellinger"
    for label, probability in said[0]["policy"].items():
        assert said[1]["policy"][label] == pytest.approx(probability, abs=1e-12)
