"""States on disk: every bit back, nothing half-written, the last few kept."""

import errno
import json
import math

import pytest
import torch

from llm_bridge.storage.checkpoint import Checkpoints, load_state, save_state
from nashsim.errors import NashsimError
from nashsim.files import atomic_folder


def tree():
    random = torch.Generator().manual_seed(0)
    shared = torch.randn(3, generator=random)
    return {
        "step": 7,
        "half": None,
        "done": False,
        "rates": [0.1, math.inf, -0.0],
        "optimiser": {
            "state": {0: {"exp_avg": torch.randn(2, 3, generator=random), "step": torch.tensor(5.0)}}
        },
        "tied": [shared, shared],
        "bits": torch.randn(4, generator=random).to(torch.bfloat16),
        "whole": torch.arange(3),
        "transposed": torch.randn(2, 3, generator=random).T,
    }


def same(a, b):
    if isinstance(a, torch.Tensor):
        return a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, float):
        return a.hex() == b.hex()
    return a == b and type(a) is type(b)


def test_every_bit_comes_back(tmp_path):
    save_state(tmp_path / "s", tree())
    assert same(load_state(tmp_path / "s"), tree())


def test_an_optimiser_goes_on_as_if_never_stopped(tmp_path):
    def model():
        torch.manual_seed(0)
        return torch.nn.Linear(3, 2)

    def advance(net, adam, steps):
        for k in range(steps):
            adam.zero_grad()
            net(torch.full((1, 3), 1.0 + k)).square().sum().backward()
            adam.step()

    straight, cut, resumed = model(), model(), model()
    adam = torch.optim.Adam(straight.parameters(), lr=0.1)
    advance(straight, adam, 3)
    first = torch.optim.Adam(cut.parameters(), lr=0.1)
    advance(cut, first, 3)
    save_state(tmp_path / "s", {"model": cut.state_dict(), "adam": first.state_dict()})
    advance(straight, adam, 4)
    state = load_state(tmp_path / "s")
    resumed.load_state_dict(state["model"])
    second = torch.optim.Adam(resumed.parameters(), lr=0.1)
    second.load_state_dict(state["adam"])
    advance(resumed, second, 4)
    assert same(resumed.state_dict(), straight.state_dict())


def test_the_last_few_stay(tmp_path):
    kept = Checkpoints(tmp_path / "runs", keep=2)
    assert kept.latest() is None
    for step in (1, 5, 10, 12):
        kept.save(step, {"step": step})
    assert kept.steps() == [10, 12]
    assert kept.latest() == (12, {"step": 12})


def test_what_a_kill_left_behind_is_never_read_and_goes(tmp_path):
    kept = Checkpoints(tmp_path, keep=3)
    kept.save(1, {"step": 1})
    (tmp_path / ".step-00000002-abc").mkdir()
    (tmp_path / ".step-00000002-abc" / "state.json").write_text("{")
    assert kept.latest()[0] == 1
    kept.save(3, {"step": 3})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step-00000001", "step-00000003"]


def test_a_failed_write_leaves_the_old_state(tmp_path):
    save_state(tmp_path / "s", {"step": 1})
    with (
        pytest.raises(NashsimError, match=r"No space left.*what was written before stands"),
        atomic_folder(tmp_path / "s") as temporary,
    ):
        (temporary / "half").write_text("x")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert load_state(tmp_path / "s") == {"step": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["s"]


def test_a_full_disk_while_tensors_are_written(tmp_path, monkeypatch):
    import safetensors.torch

    save_state(tmp_path / "s", {"step": 1})

    def full(*_):
        raise RuntimeError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(safetensors.torch, "save_file", full)
    with pytest.raises(NashsimError, match="No space left"):
        save_state(tmp_path / "s", {"x": torch.ones(1)})
    assert load_state(tmp_path / "s") == {"step": 1}


@pytest.mark.parametrize("harm", ["json", "tensors", "nothing"])
def test_a_broken_state_is_refused_in_one_line(tmp_path, harm):
    save_state(tmp_path / "s", {"x": torch.ones(1)})
    if harm == "json":
        (tmp_path / "s" / "state.json").write_text("{")
    elif harm == "tensors":
        (tmp_path / "s" / "tensors.safetensors").write_bytes(b"\x80\x04K\x01.")
    else:
        (tmp_path / "s" / "state.json").unlink()
    with pytest.raises(NashsimError, match=r"^resume: .* holds no state") as caught:
        load_state(tmp_path / "s")
    assert "\n" not in str(caught.value)


def test_leaves_that_cannot_be_kept_are_named():
    with pytest.raises(NashsimError, match="'/a/1' is a object"):
        save_state("unused", {"a": [1, object()]})
    with pytest.raises(NashsimError, match="keep"):
        Checkpoints("unused", keep=0)


def test_json_is_plain(tmp_path):
    save_state(tmp_path / "s", {"step": 3, "w": torch.ones(1)})
    assert json.loads((tmp_path / "s" / "state.json").read_text()) == {"step": 3, "w": {"__tensor__": "/w"}}
