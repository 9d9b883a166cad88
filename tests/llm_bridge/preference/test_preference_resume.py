"""A fit of a preference model that was cut off goes on to the same bits."""

import io
import json
import os
import signal
import sys
from itertools import permutations
from multiprocessing import get_context

import pytest
import torch
from safetensors.torch import load_file

from llm_bridge.cli import call
from llm_bridge.data import Pair
from llm_bridge.models.tiny import save_tiny
from llm_bridge.preference import FitSettings, fit
from llm_bridge.preference.fitting import Fit
from llm_bridge.storage.checkpoint import Checkpoints
from nashsim.errors import NashsimError
from nashsim.progress import progress_bar

from .test_preference_model import LAYOUT, TRAIN, PreferenceModel, RewardModel, backbone

torch.set_num_threads(1)
SETTINGS = FitSettings(epochs=3, batch=5, lr=1e-2, weight_decay=0.1)
BEATS = {"rock": "scissors", "paper": "rock", "scissors": "paper"}


def bits(model):
    return [p.detach().clone() for p in model.parameters()]


@pytest.mark.parametrize("make", [lambda: PreferenceModel(backbone(), LAYOUT, "classifier"),
                                  lambda: RewardModel(backbone(), LAYOUT)])  # fmt: skip
@pytest.mark.parametrize("stop", [1, 5, 11])
def test_cut_off_at_any_step(tmp_path, make, stop):
    class Cut(Exception):
        pass

    def cut(done, steps, loss):
        if done == stop:
            raise Cut

    whole, model = make(), make()
    losses = fit(whole, TRAIN, SETTINGS)
    assert len(losses) == 12
    kept = Checkpoints(tmp_path)
    with pytest.raises(Cut):
        fit(model, TRAIN, SETTINGS, cut, checkpoints=kept, interval=0.0)
    resumed, told = make(), []
    assert fit(resumed, TRAIN, SETTINGS, lambda *t: told.append(t[:2]), checkpoints=kept) == losses
    assert told == [(done, 12) for done in range(stop, 13)]
    assert all(torch.equal(a, b) for a, b in zip(bits(whole), bits(resumed), strict=True))
    assert kept.steps()[-1] == 12


def test_the_schedule_is_a_rise_and_a_fall():
    fitting = Fit(RewardModel(backbone(), LAYOUT), TRAIN, FitSettings(epochs=20, batch=9))
    assert fitting.steps == 40
    paces = [fitting._pace(t) for t in range(40)]
    assert paces[:4] == [0.25, 0.5, 0.75, 1.0] and paces[4] == 1.0
    assert paces[-1] == pytest.approx(1 / 36) and paces[4:] == sorted(paces[4:], reverse=True)


def test_the_state_of_another_model_is_refused():
    state = Fit(PreferenceModel(backbone(), LAYOUT, "classifier"), TRAIN).state_dict()
    with pytest.raises(NashsimError, match="another model"):
        Fit(PreferenceModel(backbone(), LAYOUT, "tokens"), TRAIN).load_state_dict(state)


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    """A model and pairs, and the words of a command that fits on them for a second or two."""
    folder = tmp_path_factory.mktemp("disk")
    rows = [
        {"prompt": f"play {x}", "a": a, "b": b, "p": 0.9 if BEATS[a] == b else 0.1}
        for x in range(6)
        for a, b in permutations(BEATS, 2)
    ]
    (folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    save_tiny(folder / "model")
    return ["preference-model", f"{folder}/pairs.jsonl", "--first", "a", "--second", "b", "--probability", "p",
            "--model", f"{folder}/model", "--epochs", "4", "--batch", "3", "--lr", "1e-3", "--held-out", "0.34",
            "--interval", "0"]  # fmt: skip


def files(out):
    found = {str(p.relative_to(out)): load_file(p) for p in out.rglob("*.safetensors")}
    return found, (out / "report.json").read_text()


def same(a, b):
    return a[1] == b[1] and a[0].keys() == b[0].keys() and all(
        torch.equal(a[0][f][k], b[0][f][k]) for f in a[0] for k in a[0][f]
    )  # fmt: skip


@pytest.fixture(scope="module")
def whole(disk, tmp_path_factory):
    """What the command leaves that nobody stops."""
    out = tmp_path_factory.mktemp("whole") / "out"
    assert call([*disk, "--out", str(out)]) == 0
    return files(out)


def kill_itself(fitting, wanted, arguments):
    """Run a command that kills itself as soon as the wanted file has its name: an onlooker could come late."""
    replace = os.replace

    def replaced(*names):
        replace(*names)
        if any(fitting.glob(wanted)):
            os.kill(os.getpid(), signal.SIGKILL)

    os.replace = replaced
    call(arguments)


@pytest.mark.skipif(sys.platform != "linux", reason="a process is forked, which is sure on Linux alone")
@pytest.mark.parametrize("wanted", ["step-00000010", "step-00000033", "step-00000043"])
def test_killed_and_resumed_to_the_same_bits(tmp_path, capsys, disk, whole, wanted):
    """kill -9 in the first model's 32 steps, right after its report, and in the second."""
    out, fitting = tmp_path / "out", tmp_path / "out.fitting"
    # forked: another interpreter would import torch and transformers for five seconds
    killed = get_context("fork").Process(
        target=kill_itself, args=(fitting, wanted, [*disk, "--out", str(out)])
    )
    killed.start()
    killed.join()
    assert killed.exitcode == -signal.SIGKILL
    capsys.readouterr()
    assert call([*disk, "--out", str(out)]) == 2
    assert "add --resume" in capsys.readouterr().err
    assert call([*disk, "--out", str(out), "--resume", "--lr", "1e-4"]) == 2
    said = capsys.readouterr().err
    assert "was started with lr 0.001, found 0.0001" in said and said.count("\n") == 1
    assert call([*disk, "--out", str(out), "--resume"]) == 0
    assert same(whole, files(out)) and not fitting.exists()


def test_what_cannot_be_resumed_is_said_in_one_line(tmp_path, capsys, disk):
    out = tmp_path / "out"
    assert call([*disk, "--out", str(out), "--resume"]) == 2
    assert "holds no fit; leave --resume out" in capsys.readouterr().err
    assert call([*disk, "--out", str(out), "--context", "8"]) == 2  # too small: nothing began
    assert not (tmp_path / "out.fitting").exists()
    assert call([*disk, "--out", str(out), "--no-compare"]) == 0
    capsys.readouterr()
    assert call([*disk, "--out", str(out), "--resume"]) == 2
    assert "holds a preference model already" in capsys.readouterr().err


def test_the_bar_of_a_command_shows_what_it_is_told():
    from rich.console import Console

    screen = io.StringIO()
    with progress_bar("fitting", console=Console(file=screen, force_terminal=True, width=100)) as tell:
        tell(2, 2, "tokens: loss 0.5000 nats")
        tell(1, 3, "bradley-terry: loss 0.7000 nats")
    assert "bradley-terry: loss 0.7000 nats" in screen.getvalue() and "1/3" in screen.getvalue()
    silent = io.StringIO()
    with progress_bar("fitting", console=Console(file=silent)) as tell:
        tell(1, 2)
    assert not silent.getvalue()  # a file is no terminal


def test_equal_pairs_have_equal_fingerprints():
    from llm_bridge.storage.fit_states import fingerprint

    pairs = [Pair("q", "a", "b", 0.7), Pair("q", "a", "c", 0.7)]
    others = [
        pairs[::-1],
        [pairs[0]],
        [pairs[0], Pair("q", "a", "c", 0.6)],
        [pairs[0], Pair("r", "a", "c", 0.7)],
    ]
    assert len({fingerprint(p) for p in [pairs, list(pairs), *others]}) == 5
