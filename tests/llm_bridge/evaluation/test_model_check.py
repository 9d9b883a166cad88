"""Every architecture of the table is held against its own plain forward; planted faults are found."""

import functools
import json
import re
from itertools import chain
from pathlib import Path

import pytest
import torch
import transformers as hf

from llm_bridge.cli.app import call
from llm_bridge.decoding.compiled import CompiledEngine
from llm_bridge.decoding.eager import sample
from llm_bridge.decoding.roles import pure
from llm_bridge.evaluation.model_check import check_numbers, quick_check
from llm_bridge.evaluation.training_check import check_training
from llm_bridge.models.tiny import save_tiny, tiny_llama
from llm_bridge.policy import CausalPolicy
from llm_bridge.policy.sequences import Sequences
from nashsim.errors import NashsimError
from tests.llm_bridge import architectures
from tests.llm_bridge.architectures import CACHELESS, CONFIGS, SHORT, UNCOMPILED

PAGE = (Path(__file__).resolve().parents[3] / "docs/llm/architectures.md").read_text(encoding="utf-8")
#: A head that scales, a window, one without a cache, a recurrent one, one with a bound on its rows.
FEW = ("gemma2", "mistral", "mamba", "lfm2", "phi3-longrope")
EVERY = {
    "log p, given padded on the left", "log p, given padded on the right", "log p, each row alone",
    "log p of samples as drawn", "log p of samples as scored", "samples with and without a cache",
    "samples alone and in a batch", "compiled samples", "gradients", "resumed training", "final model reloaded",
    "reference beside moved adapters", "adapters reloaded",
}  # fmt: skip


def held(kind, folder):
    """All checks of one architecture: those that hold are all but those that the table refuses."""
    policy = CausalPolicy(architectures.model(kind))
    assert "agree with plain forwards" in quick_check(policy)
    findings = {f.check: f for f in chain(check_numbers(policy), check_training(policy, folder))}
    assert not [f for f in findings.values() if f.holds is False]
    refused = {"samples with and without a cache"} if kind in CACHELESS else set()
    refused |= {"compiled samples"} if kind in UNCOMPILED else set()
    assert {name for name, f in findings.items() if f.holds is None} == refused
    assert findings.keys() == EVERY
    # Rounding must not be so large that a fault of a mask or a position could pass for it.
    assert max(f.bound for f in findings.values() if f.bound is not None) < 0.01


@pytest.mark.parametrize("kind", FEW)
def test_a_few_architectures(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda f, **_: f)
    held(kind, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("kind", CONFIGS)
def test_every_architecture(kind, tmp_path, monkeypatch):
    """The compiled step is traced and guarded as ever, and run as traced: generated code is no architecture's own."""
    compiled = torch.compile
    monkeypatch.setattr(torch, "compile", lambda f, **_: compiled(f, dynamic=False, backend="eager"))
    held(kind, tmp_path)


@pytest.mark.parametrize("kind", ["gemma2", "mixtral", "gptj"])
def test_float64(kind):
    """Attention that is not fused is NaN on rows of padding, and the grouped product of experts has no kernel."""
    policy = CausalPolicy(architectures.model(kind, torch.float64))
    assert all(f.holds is not False for f in check_numbers(policy, compiled=False))


@pytest.mark.parametrize("kind", sorted(SHORT))
def test_rows_whose_positions_would_depend_on_the_batch_are_refused(kind):
    policy = CausalPolicy(architectures.model(kind))
    with pytest.raises(NashsimError, match="beyond 16 tokens"):
        policy.sequence_log_probs(Sequences.of([(5, 6)], [(7,) * 15]))
    with pytest.raises(NashsimError, match="found a row of 17"):
        sample(policy, [(5, 6), (7,)], {"y": pure()}, 15)
    assert policy.sequence_log_probs(Sequences.of([(5, 6)], [(7,) * 14])).isfinite().all()


@pytest.mark.parametrize("kind", sorted(UNCOMPILED))
def test_models_without_a_cache_of_fixed_shapes_are_not_compiled(kind):
    with pytest.raises(NashsimError, match="does not decode from a cache of fixed shapes"):
        CompiledEngine()(CausalPolicy(architectures.model(kind)), [(5, 6)], {"y": pure()}, 3)


def forgetful(forward):
    """A cache that loses what it was given before the last forward."""

    @functools.wraps(forward)
    def faulty(self, *args, past_key_values=None, attention_mask=None, **options):
        if past_key_values is not None and past_key_values.get_seq_length():
            attention_mask = attention_mask.clone()
            attention_mask[:, :-1] = 0
        return forward(self, *args, past_key_values=past_key_values, attention_mask=attention_mask, **options)

    return faulty


def blind(forward):
    """Attention that sees padding."""

    @functools.wraps(forward)
    def faulty(self, *args, attention_mask=None, **options):
        # Without any mask transformers would take the padding, all at position 0, for sequences packed into one row.
        seen = None if attention_mask is None else torch.ones_like(attention_mask)
        return forward(self, *args, attention_mask=seen, **options)

    return faulty


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        (forgetful, {"log p of samples as drawn", "samples with and without a cache"}),
        (blind, {"log p, given padded on the left", "log p, given padded on the right", "gradients"}),
    ],
)
def test_faults_are_found_and_padding_on_the_right_mends_them(fault, found, monkeypatch):
    monkeypatch.setattr(hf.LlamaModel, "forward", fault(hf.LlamaModel.forward))
    model = architectures.model("llama")
    policy = CausalPolicy(model)
    assert found <= {f.check for f in check_numbers(policy, compiled=False) if f.holds is False}
    with pytest.raises(NashsimError, match=r"off its own plain forward by .*; set model\.padding: right"):
        quick_check(policy)
    mended = CausalPolicy(model, padding="right")
    assert all(f.holds is not False for f in check_numbers(mended, compiled=False))


def test_a_cache_that_does_not_continue_the_forward_is_found():
    """transformers' own of MiniMax, were it trusted."""
    policy = CausalPolicy(architectures.model("minimax"), padding="left")
    failed = {f.check for f in check_numbers(policy, compiled=False) if f.holds is False}
    assert {"log p of samples as drawn", "samples with and without a cache"} <= failed


def test_the_documentation_names_the_table():
    told = PAGE.partition("# Architectures")[2].partition("```")[0]
    names = [
        set(re.findall(r"`([^`]+)`", part))
        for part in re.split(r"reference: |Without a|these, and|Rows of", told)
    ]
    said, cacheless, uncompiled, short = names[1:]
    assert said == CONFIGS.keys() and cacheless == CACHELESS and short - {"check", "train"} == SHORT
    assert uncompiled == UNCOMPILED - CACHELESS


def test_command(tmp_path, capsys, monkeypatch):
    architectures.model("llama").save_pretrained(tmp_path / "good")
    options = ["--no-compiled", "--no-training", "--quiet"]
    assert call(["check", str(tmp_path / "good"), "--json", *options]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["holds"] and {f["check"] for f in told["findings"]} < EVERY
    assert call(["check", str(tmp_path / "good"), *options]) == 0
    assert "LlamaForCausalLM in float32, decoded from a cache" in capsys.readouterr().out
    with monkeypatch.context() as patch:
        patch.setattr(hf.LlamaModel, "forward", blind(hf.LlamaModel.forward))
        assert call(["check", str(tmp_path / "good"), *options]) == 1
    assert "DOES NOT HOLD" in capsys.readouterr().out
    assert call(["check", str(tmp_path / "none")]) == 2
    assert call(["check", str(tmp_path / "good"), "--dtype", "int8"]) == 2


def test_train_checks_before_its_first_step(tmp_path, capsys, monkeypatch):
    tokenizer = save_tiny(tmp_path / "model", width=16, layers=1, context=64)
    (tmp_path / "prompts.jsonl").write_text("".join(f'{{"prompt": "{p}"}}\n' for p in ("a", "bcd", "ef")))
    (tmp_path / "mine.yaml").write_text(
        f"model: {{name: {tmp_path}/model}}\ndata: {{prompts: {tmp_path}/prompts.jsonl}}\n"
        "judge: {kind: length}\ntraining: {iterations: 1, fit_steps: 1}\nsampling: {length: 4}\n"
        "evaluation: {prompts: 2, samples: 1}\n"
    )
    run = ["train", str(tmp_path / "mine.yaml"), "--quiet", "--output.folder"]
    assert call([*run, str(tmp_path / "good")]) == 0
    assert capsys.readouterr().err.count("model checked: padded rows and a short decode agree") == 1
    monkeypatch.setattr(hf.LlamaModel, "forward", blind(hf.LlamaModel.forward))
    # Logits of fresh weights are all but zero, and so is what padding does to them.
    model = tiny_llama(tokenizer, width=16, layers=1, context=64)
    for weight in model.parameters():
        weight.data *= 10 if weight.ndim > 1 else 1
    model.save_pretrained(tmp_path / "model")
    assert call([*run, str(tmp_path / "bad")]) == 2
    assert "off its own plain forward" in capsys.readouterr().err
    assert not (tmp_path / "bad" / "metrics.csv").exists()
