"""The benchmark of a language model's step runs on tiny models; its bounds and its bare loop are what they say."""

import importlib
import json
import math
import runpy
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch

FOLDER = Path(__file__).resolve().parents[2] / "experiments"


@pytest.fixture(scope="module")
def script():
    threads = torch.get_num_threads()
    sys.path.insert(0, str(FOLDER))
    try:
        yield importlib.import_module("bench_llm")
    finally:
        sys.path.remove(str(FOLDER))
        for name in ("bench_llm", "_llm_peers", "_llm_step", "benchmarking"):
            sys.modules.pop(name, None)
        torch.set_num_threads(threads)


def test_quick_run_writes_everything(script, tmp_path, monkeypatch):
    """The command line itself, as it is typed where a GPU is at hand, on small geometries."""
    command = ["bench_llm.py", "--device", "cpu", "--quick", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", command)
    runpy.run_path(str(FOLDER / "bench_llm.py"), run_name="__main__")
    findings = json.loads((tmp_path / "bench-llm.json").read_text())["findings"]
    assert {f["finding"].split(":")[0] for f in findings} == {"1.1M", "19M"}
    frame = pd.read_csv(tmp_path / "bench-llm.csv")
    assert {"llm_bridge", "bare loop", "transformers' generate"} <= set(frame.work)
    assert set(frame.phase) == {"total", *script.PHASES}
    assert (frame.seconds > 0).all()
    assert (frame.peak_flops[frame.geometry != "algorithms"] > 0).all()
    assert len(frame[frame.geometry == "algorithms"]) == 3
    assert json.loads(frame.machine[0])["versions"]["torch"] == torch.__version__
    assert (tmp_path / "bench-llm.png").stat().st_size > 5000


def test_the_arithmetic_of_a_pass(script):
    """Multiplications and additions of the matrix products, counted by torch itself; attention is half a square."""
    from torch.utils.flop_counter import FlopCounterMode

    geometry = script.Geometry(32, 64, 2, 4, 2, 64, batch=3, prompt=5, length=7)
    model = script.build(geometry, "cpu")
    weights = sum(p.numel() for p in model.parameters()) - 2 * 32 * 64 - 32 * 5
    assert geometry.body() == weights
    model.set_attn_implementation("eager")
    ids = torch.zeros(3, 12, dtype=torch.long)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(input_ids=ids, logits_to_keep=7)
    attention = 2 * 2 * 2 * 32 * 12 * 12
    rotary = counter.get_total_flops() - 3 * (geometry.forward(12, 7) + attention / 2)
    # What is left are the rotary angles, an outer product of positions and frequencies.
    assert 0 <= rotary <= 3 * 2 * 12 * 32


@pytest.mark.parametrize("peer", ["BareLoop", "Generate"])
def test_the_bare_loop_climbs_the_same_gradient(script, peer):
    """On its own samples: the loss of the bare loop, and of that by generate, is the one of our step."""
    from llm_bridge.algorithms.fits.policy_gradient import policy_gradient_loss
    from llm_bridge.policy import CausalPolicy
    from llm_bridge.policy.sequences import Sequences
    from nashsim.rules import NashMDPG

    torch.manual_seed(0)
    geometry = script.Geometry(32, 64, 2, 2, 2, 64, batch=2, prompt=4, length=6)
    model, reference = script.build(geometry, "cpu"), script.build(geometry, "cpu")
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.05 * torch.randn_like(p))
    sizes = (geometry.batch, geometry.prompt, geometry.length)
    bare = getattr(script, peer)(model, reference, *sizes, mixture=0.125, beta=script.TAU, lr=0.0)
    kept = []
    decode = bare._decode
    bare._decode = lambda coefficient: kept.append(decode(coefficient)) or kept[-1]
    bare.optimiser.zero_grad = lambda: None
    bare.optimiser.step = lambda: None
    clip, torch.nn.utils.clip_grad_norm_ = torch.nn.utils.clip_grad_norm_, lambda *_: None
    try:
        bare()
    finally:
        torch.nn.utils.clip_grad_norm_ = clip
    theirs = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    y, z = kept
    policy = CausalPolicy(model, reference, eos=-1, pad=1)
    batch = Sequences.of(y[:, :4].tolist(), y[:, 4:].tolist())
    [step] = NashMDPG(mixture=0.125).steps(script.TAU, 0)
    payoff = (bare.scores[y[:, 4]] - bare.scores[z[:, 4]]).sigmoid()
    past = {"reference": policy.token_log_probs(batch, "reference")}
    policy_gradient_loss(step, policy.token_log_probs(batch), past, batch.response_mask, payoff).backward()
    for mine, other in zip(model.parameters(), theirs, strict=True):
        torch.testing.assert_close(mine.grad, other, rtol=1e-4, atol=1e-6)


def test_decode_bytes_count_both_models(script):
    geometry = script.Geometry(32, 64, 2, 2, 2, 64, batch=2, prompt=4, length=6)
    weights = 4 * (geometry.body() + 32 * 64)
    assert geometry.decode_bytes() > 6 * 2 * weights
    assert math.isclose(geometry.decode_bytes(), 6 * (2 * weights + 3 * 2 * (2 * 2 * 32 * 4) * 7))


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is there")
def test_a_gpu_that_is_not_there_is_one_line(script, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["bench_llm.py", "--device", "cuda"])
    with pytest.raises(SystemExit) as refused:
        runpy.run_path(str(FOLDER / "bench_llm.py"), run_name="__main__")
    assert str(refused.value).startswith("bench_llm: --device cuda needs a GPU")
    assert "\n" not in str(refused.value)
