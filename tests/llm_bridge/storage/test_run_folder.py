"""A run's folder: nothing lost, nothing mixed, cut back to its checkpoint."""

import sys
import types

import pytest

from llm_bridge.storage.run_folder import RunFolder
from llm_bridge.storage.trackers import make_trackers
from nashsim.errors import NashsimError


def record(step):
    return {"step": step, "queries": 2 * step, "loss": step / 3}


def test_records_survive_and_are_tidy(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.begin("tau: 0.1\n")
    for step in range(3):
        folder.record(record(step))
    assert RunFolder(tmp_path / "run", resume=True).records() == [record(step) for step in range(3)]
    folder.close()
    frame = folder.frame()
    assert list(frame.columns) == ["step", "queries", "metric", "value"]
    assert (tmp_path / "run" / "metrics.csv").read_text().startswith("step,queries,metric,value\n0,0,loss,0")


def test_what_went_past_the_checkpoint_is_cut_back(tmp_path):
    folder = RunFolder(tmp_path)
    folder.begin("a: 1\n")
    for step in range(5):
        folder.record(record(step))
        folder.samples(step, [{"prompt": "x", "response": "y"}])
    with open(tmp_path / "metrics.jsonl", "a") as file:
        file.write('{"step": 5, "quer')
    again = RunFolder(tmp_path, resume=True)
    again.restart(again.records()[:3])
    assert again.records() == [record(step) for step in range(3)]
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 3
    assert len(list((tmp_path / "samples").iterdir())) == 3
    again.record(record(3))
    assert [r["step"] for r in again.records()] == [0, 1, 2, 3]


def test_folders_are_not_mixed_up(tmp_path):
    with pytest.raises(NashsimError, match="holds no run"):
        RunFolder(tmp_path, resume=True)
    RunFolder(tmp_path).begin("tau: 0.5\n")
    # A run that failed before its first record may be started anew.
    folder = RunFolder(tmp_path)
    folder.begin("tau: 0.1\nseed: 0\n")
    folder.record(record(0))
    with pytest.raises(NashsimError, match="--resume"):
        RunFolder(tmp_path)
    again = RunFolder(tmp_path, resume=True)
    again.begin("tau: 0.1\nseed: 0\n")
    with pytest.raises(NashsimError, match=r"'seed: 0' there, 'seed: 1' now"):
        again.begin("tau: 0.1\nseed: 1\n")
    with pytest.raises(NashsimError, match=r"nothing there, 'more: 1' now"):
        again.begin("tau: 0.1\nseed: 0\nmore: 1\n")


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NashsimError, match="cannot be written"):
        RunFolder(tmp_path / "file" / "run").record(record(0))


def test_trackers_are_told_and_refused_by_name(tmp_path, monkeypatch):
    told = []

    def writer(folder):
        return types.SimpleNamespace(
            add_scalar=lambda name, value, global_step: told.append((folder, name, value, global_step)),
            flush=lambda: None,
            close=lambda: told.append("closed"),
        )

    def init(project, dir, config):
        told.append((project, dir, config))
        return types.SimpleNamespace(
            log=lambda numbers, step: told.append((numbers, step)), finish=lambda: told.append("finished")
        )

    fake = types.SimpleNamespace(SummaryWriter=writer)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", fake)
    monkeypatch.setattr("torch.utils.tensorboard", fake, raising=False)
    monkeypatch.setitem(sys.modules, "wandb", types.SimpleNamespace(init=init))
    trackers = make_trackers(["tensorboard", "wandb"], tmp_path, {"tau": 0.1})
    folder = RunFolder(tmp_path, trackers=trackers)
    folder.record({"step": 1, "queries": 2})
    folder.close()
    assert told == [
        ("nashsim", str(tmp_path / "wandb"), {"tau": 0.1}),
        (str(tmp_path / "tensorboard"), "queries", 2, 1),
        ({"queries": 2}, 1),
        "closed",
        "finished",
    ]
    with pytest.raises(NashsimError, match="tensorboard"):
        make_trackers(["tensorbord"], tmp_path, {})


@pytest.mark.parametrize(("name", "module"), [("tensorboard", "torch.utils.tensorboard"), ("wandb", "wandb")])
def test_a_tracker_that_is_not_installed(tmp_path, monkeypatch, name, module):
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(NashsimError, match=f"pip install {name}"):
        make_trackers([name], tmp_path, {})
