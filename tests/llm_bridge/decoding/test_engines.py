"""Engines of a configuration: eager, compiled or a user's; decodes in batches draw what one decode draws."""

import json
from dataclasses import replace

import pytest
import torch

from llm_bridge.cli import call
from llm_bridge.decoding.compiled import CompiledEngine
from llm_bridge.decoding.eager import sample
from llm_bridge.decoding.engines import Batched, Hook, make_engine
from llm_bridge.decoding.roles import Role, mixture, pure
from llm_bridge.runs.configuration.config import load_config
from llm_bridge.runs.train_run import train_run
from nashsim.errors import NashsimError
from tests.llm_bridge import models

torch.set_num_threads(1)
PROMPTS = [(1, 2), (3,), (1, 2, 3, 4), (3,), (2, 2), (3,)]
ROLES = {"y": pure(), "opponent": mixture([0.1, 0.9, 0.5, 0.0, 1.0, 0.3], seed=1)}
HERE = "tests.llm_bridge.decoding.test_engines"
SMALL = (
    "--data.parameters.vocabulary=4", "--data.parameters.length=2", "--data.parameters.exact=false",
    "--training.fit_steps=2", "--training.iterations=2",
)  # fmt: skip

calls = []


def counted(policy, prompts, roles, length):
    """A hook that does what the eager loop does, and says how many responses it was asked for."""
    calls.append(len(prompts) * len(roles))
    return sample(policy, prompts, roles, length)


def short(policy, prompts, roles, length):
    return sample(policy, prompts[1:], roles, length)


def long(policy, prompts, roles, length):
    return sample(policy, prompts, roles, length + 1)


def broken(policy, prompts, roles, length):
    raise ValueError("the server\nis away")


@pytest.mark.parametrize("rows", [2, 4, 8, 12])
def test_batches_draw_what_one_decode_draws(rows):
    policy = models.policy("llama", pad=5)
    calls.clear()
    whole, parts = sample(policy, PROMPTS, ROLES, 6), Batched(counted, rows)(policy, PROMPTS, ROLES, 6)
    assert sum(calls) == 12 and max(calls) <= max(rows, 6)  # three copies of (3,), two roles, stay together
    assert len(calls) == {2: 4, 4: 3, 8: 2, 12: 1}[rows]
    for name in ROLES:
        assert parts[name].sequences.responses() == whole[name].sequences.responses()
        torch.testing.assert_close(parts[name].log_probs, whole[name].log_probs, rtol=0, atol=1e-6)
        again = policy.sequence_log_probs(parts[name].sequences).detach()
        torch.testing.assert_close(
            again, policy.sequence_log_probs(whole[name].sequences).detach(), atol=1e-6, rtol=0
        )


def test_weights_that_fit_no_prompt_are_refused():
    policy = models.policy("llama", pad=5)
    with pytest.raises(NashsimError, match="one a prompt is needed"):
        Batched(sample, 2)(policy, PROMPTS, {"y": Role({"policy": [1.0, 1.0]})}, 3)
    with pytest.raises(NashsimError, match="rows"):
        Batched(sample, 0)


def test_a_hook_is_held_against_the_contract():
    policy = models.policy("llama", pad=5)
    for function, said in (
        (short, "6 responses"),
        (long, "1 to 3 tokens"),
        (broken, "ValueError the server is away"),
    ):
        with pytest.raises(NashsimError, match=said) as caught:
            Hook(function, "mine:it")(policy, PROMPTS, {"y": pure()}, 3)
        assert "\n" not in str(caught.value) and "mine:it" in str(caught.value)
    with pytest.raises(NashsimError, match="a Drawn of 6"):
        Hook(lambda *_: None, "mine:it")(policy, PROMPTS, {"y": pure()}, 3)


def test_a_run_by_hook_in_batches_is_the_eager_run(tmp_path):
    folders = {}
    for name, words in {
        "eager": (),
        "hook": (f"--sampling.engine={HERE}:counted", "--sampling.batch=3"),
    }.items():
        calls.clear()
        config = load_config("enumerable-sppo", [*SMALL, *words, f"--output.folder={tmp_path / name}"])
        _, trainer, parts = train_run(config)
        folders[name] = trainer.policy.weights()
    # Five responses of a prompt stay together, and so do their comparators, asked for with them.
    assert calls and max(calls) <= 10
    for key, weight in folders["eager"].items():
        torch.testing.assert_close(weight, folders["hook"][key], rtol=1e-4, atol=1e-5)


def test_without_a_compiler_one_line_says_so(monkeypatch):
    def none(*_, **__):
        raise RuntimeError("No working C++ compiler found\nSet TORCHDYNAMO_VERBOSE=1")

    monkeypatch.setattr(torch, "compile", none)
    with pytest.raises(
        NashsimError, match="does not work here .No working C.. compiler found.; .* eager"
    ) as caught:
        make_engine("compiled")
    assert "\n" not in str(caught.value)


def test_faults_in_one_line(capsys, tmp_path):
    run = ["train", "enumerable-nash-md", *SMALL, "--quiet", f"--output.folder={tmp_path / 'r'}"]
    wrong = {
        ("--sampling.engine", "eagre"): "did you mean 'eager'",
        ("--sampling.engine", "nowhere:f"): "sampling.engine: module:function is needed, found 'nowhere:f'",
        ("--sampling.engine", f"{HERE}:broken"): "broken failed: ValueError the server is away",
        ("--sampling.engine", "compiled", "--model.lora.rank", "2"): "cannot switch adapters off",
        ("--sampling.batch", "0"): "sampling.batch: a number > 0",
    }
    for words, said in wrong.items():
        assert call([*run, *words]) == 2, words
        found = capsys.readouterr().err
        assert said in found and found.count("\n") == 1 and "Traceback" not in found, words


def test_dry_runs_decode_by_the_engine(capsys):
    calls.clear()
    assert call(["train", "half-b-nash-md", "--dry-run", "--quiet", f"--sampling.engine={HERE}:counted"]) == 0
    assert "the configuration holds" in capsys.readouterr().out and calls


@pytest.mark.slow
def test_a_compiled_run_says_what_the_eager_one_says(tmp_path):
    said = {}
    for engine in ("eager", "compiled"):
        words = [*SMALL, f"--sampling.engine={engine}", f"--output.folder={tmp_path / engine}"]
        config = load_config("enumerable-nash-md-pg", words)
        _, trainer, parts = train_run(replace(config, training=replace(config.training, iterations=3)))
        assert isinstance(parts.source.engine, CompiledEngine) == (engine == "compiled")
        rows = [json.loads(line) for file in sorted((tmp_path / engine / "samples").iterdir())
                for line in file.read_text().splitlines()]  # fmt: skip
        said[engine] = [row["response"] for row in rows], trainer.policy.weights()
    assert said["eager"][0] == said["compiled"][0]
    for key, weight in said["eager"][1].items():
        torch.testing.assert_close(weight, said["compiled"][1][key], rtol=1e-3, atol=1e-4)
