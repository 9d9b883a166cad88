"""Trainings that begin from an adapter, and finals that load: held to plain peft and transformers in float64."""

import json
import warnings

import peft
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from llm_bridge.models.adapters import load_adapter, with_adapters
from llm_bridge.models.tiny import byte_tokenizer, save_tiny, tiny_llama
from llm_bridge.policy.sequences import Sequences
from llm_bridge.runs.building.models import trained_text
from llm_bridge.runs.configuration.config import load_config
from llm_bridge.runs.tournament import run_tournament
from llm_bridge.runs.train_run import train_run
from nashsim.errors import NashsimError

X, Y = (5, 6, 7, 8), (20, 21, 22, 0)
BATCH = Sequences.of([X], [Y])


def plain(model):
    """log p(Y | X) of a model, by its own forward."""
    with torch.no_grad():
        table = model.eval().double()(input_ids=torch.tensor([X + Y])).logits.log_softmax(-1)[0]
    return sum(table[len(X) - 1 + t, y] for t, y in enumerate(Y)).item()


def told(policy, of="policy"):
    with torch.no_grad():
        return policy.sequence_log_probs(BATCH, of).item()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Prompts, a base, an adapter on it, and a configuration that names them by relative paths."""
    monkeypatch.chdir(tmp_path)
    save_tiny("base")
    settings = peft.LoraConfig(
        r=3, lora_alpha=5, target_modules=["q_proj", "down_proj"], task_type="CAUSAL_LM"
    )
    torch.manual_seed(0)  # peft draws A from the global stream
    tuned = peft.get_peft_model(AutoModelForCausalLM.from_pretrained("base"), settings)
    generator = torch.Generator().manual_seed(0)
    for name, weight in tuned.named_parameters():
        if ".lora_B." in name:
            weight.data += 5 * torch.randn(weight.shape, generator=generator)
    tuned.save_pretrained("sft")
    (tmp_path / "prompts.jsonl").write_text("".join(json.dumps({"prompt": p}) + "\n" for p in ("one", "two")))
    (tmp_path / "mine.yaml").write_text(
        "model: {name: sft, dtype: float64}\ndata: {prompts: prompts.jsonl}\njudge: {kind: length}\n"
        "algorithm: {name: inpo, parameters: {eta_inverse: 0.3}}\nsampling: {length: 4}\n"
        "training: {iterations: 1, fit_steps: 2, lr: 1.0e-2}\nevaluation: {prompts: 2, samples: 2}\n"
    )
    return tmp_path


def trained(*words):
    lines = []
    run, trainer, parts = train_run(load_config("mine.yaml", words), say=lines.append)
    return run.path, parts.policy, lines


@pytest.mark.parametrize("rank", [0, 2])
def test_a_training_begins_from_an_adapter(folder, rank, monkeypatch):
    base = plain(AutoModelForCausalLM.from_pretrained("base"))
    start = plain(peft.AutoPeftModelForCausalLM.from_pretrained("sft"))
    run, policy, lines = trained("--model.lora.rank", str(rank))
    # The base's own float32 norms leave 1e-7 of a number of size 20.
    close = {"rel": 1e-6}
    assert told(policy, "reference") == pytest.approx(start, **close) != pytest.approx(base, rel=1e-3)
    assert told(policy) != pytest.approx(start, rel=1e-4)
    count = sum(p.numel() for p in policy.parameters())
    assert [line.startswith("model checked: ") for line in lines] == [False, True]
    assert lines[0] == trained_text(policy) and f"{count:,}" in lines[0]
    if rank:
        assert (
            "rank 2 on down_proj, gate_proj, k_proj, o_proj, q_proj, up_proj, v_proj (14 layers)" in lines[0]
        )
        assert all(".default." in name for name in policy.weights())
    # What is written stands on its own, from any folder.
    run = run.absolute()
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    final = AutoModelForCausalLM.from_pretrained(run / "final")
    assert plain(final) == pytest.approx(told(policy), **close)
    if rank:
        whole = peft.AutoPeftModelForCausalLM.from_pretrained(run / "final")
        assert plain(whole) == pytest.approx(told(policy), **close)
    found = run_tournament([run], prompts=2, samples=2)
    assert [p["player"] for p in found.players] == ["reference", "run"]
    assert found.players[1]["kl (k1)"] != 0 == found.players[0]["kl (k1)"]


def test_the_trained_adapter_is_read_back(folder):
    """Cut out of the one that holds both, and refused on another base or of other layers."""
    from llm_bridge.runs.players import weights_of

    run, policy, _ = trained("--model.lora.rank", "2")
    found = weights_of(policy, run / "final")
    for name, weight in policy.weights().items():
        torch.testing.assert_close(found[name], weight.to(found[name].dtype), rtol=1e-6, atol=1e-7)
    other, _, _ = trained(
        "--model.lora.rank", "2", "--model.lora.targets", "q_proj", "--output.folder", "other"
    )
    with pytest.raises(NashsimError, match="other layers"):
        weights_of(policy, other / "final")
    save_tiny("second")
    words = ("--model.name", "second", "--model.lora.rank", "2", "--output.folder", "third")
    with pytest.raises(NashsimError, match=r"on '.*second', the first run's on '.*base'"):
        weights_of(policy, trained(*words)[0] / "final")


def test_a_training_from_an_adapter_resumes_to_the_same_bits(folder):
    words = ("--model.lora.rank", "2", "--training.iterations")
    _, whole, _ = trained(*words, "2", "--output.folder", "whole")
    trained(*words, "1")
    resumed = train_run(load_config("mine.yaml", (*words, "2")), resume=True)[2].policy
    for name in ("policy", "reference"):
        for key, weight in whole.weights(name).items():
            assert torch.equal(weight, resumed.weights(name)[key])


def test_adapters_that_do_not_fit_are_refused(folder):
    with pytest.raises(NashsimError, match="does not fit its base"):
        load_adapter(tiny_llama(byte_tokenizer(), width=16), "sft", merge=True)
    tensors = load_file("sft/adapter_model.safetensors")
    # Under other names, as of a wrapper, peft would leave its fresh adapters, which are none.
    save_file(
        {n.replace(".layers.", ".text.layers."): t for n, t in tensors.items()},
        "sft/adapter_model.safetensors",
    )
    with pytest.raises(NashsimError, match="does not fit its base .*missing adapter keys"):
        load_adapter(tiny_llama(byte_tokenizer()), "sft", merge=True)
    settings = peft.LoraConfig(
        r=2, target_modules=["q_proj"], modules_to_save=["lm_head"], task_type="CAUSAL_LM"
    )
    peft.get_peft_model(AutoModelForCausalLM.from_pretrained("base"), settings).save_pretrained("more")
    with pytest.raises(NashsimError, match="more than low-rank adapters of linear layers; merge it"):
        load_adapter(AutoModelForCausalLM.from_pretrained("base"), "more", merge=False)
    with pytest.raises(NashsimError, match=r"no layer is named 'q_prj'; the linear ones are .*q_proj"):
        with_adapters(tiny_llama(byte_tokenizer()), 2, targets=("q_prj", "v_proj"))


def test_nothing_foreign_is_said(folder, capfd):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        trained("--model.lora.rank", "2", "--model.gradient_checkpointing", "true")
        trained("--output.folder", "runs/whole")
    assert not [w for w in seen if "/nashsim/" not in w.filename and "/llm_bridge/" not in w.filename]
    assert "".join(capfd.readouterr()) == ""
