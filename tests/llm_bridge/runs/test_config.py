"""Typed configuration: every recipe loads, every fault is one line, what is saved loads to the same."""

import pytest
import yaml

from llm_bridge.algorithms import algorithms, get_algorithm, register
from llm_bridge.algorithms.registry import NAMED
from llm_bridge.recipes import RECIPES, recipe, recipes
from llm_bridge.runs.configuration.config import Config, load_config
from nashsim.errors import NashsimError
from nashsim.rules import OMD


def written(path, text):
    path.write_text(text)
    return path


def refused(match, source, *words):
    with pytest.raises(NashsimError, match=match) as caught:
        load_config(source, words)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", recipes())
def test_every_recipe_loads_and_saves_to_itself(name, tmp_path):
    config = load_config(name)
    (tmp_path / "config.yaml").write_text(config.to_yaml())
    assert load_config(tmp_path / "config.yaml") == config
    saved = yaml.safe_load((tmp_path / "config.yaml").read_text())
    assert {"python", "torch", "numpy"} <= set(saved["versions"])


def test_every_algorithm_has_its_recipes():
    for name in algorithms():
        for task in ("enumerable", "styled"):
            config = load_config(f"{task}-{name}")
            assert (config.data.task, config.algorithm.name) == (task, name)
            assert f"{task}-{name}" in recipes()
            # One optimiser step an iteration needs more of them than a fit does.
            assert (config.training.iterations == 400) == get_algorithm(name).one_step
    assert recipe("enumerable-nothing") is recipe("half-b-omd") is None


def test_an_algorithm_of_ones_own_has_its_recipes(tmp_path):
    register("mine", OMD, fit="regression")
    try:
        written(tmp_path / "child.yaml", "extends: styled-mine\ntraining: {lr: 1e-4}\n")
        assert (
            load_config(tmp_path / "child.yaml").algorithm.name == "mine" and "enumerable-mine" in recipes()
        )
    finally:
        del NAMED["mine"]
    refused("recipe", "enumerable-mine")


def test_published_settings():
    inpo, enpo = load_config("llama3-8b-inpo"), load_config("llama3-8b-enpo")
    parameters = inpo.algorithm.parameters
    assert inpo.algorithm.tau == pytest.approx(parameters["eta_inverse"] / 3)
    assert parameters == {"eta_inverse": 0.0075, "responses": 8, "selection": "best-worst"}
    assert (inpo.training.lr, inpo.training.iterations, inpo.training.prompts) == (5e-7, 3, 20000)
    assert enpo.algorithm.parameters == {"eta_inverse": 0.0075, "alpha": 1e-3, "beta": 0.05, "n_z": 4}
    assert enpo.algorithm.tau == 0.0025
    dno, md = load_config("llama3-8b-dno"), load_config("half-b-nash-md")
    assert dno.algorithm.parameters == {"eta_inverse": 0.1, "responses": 5} and dno.data.teacher
    assert md.algorithm.tau == 0.008 and 0.125 <= md.algorithm.parameters["mixture"] <= 0.25
    assert load_config("llama3-8b-sppo").algorithm.parameters["step"] == 1e3
    assert inpo.model.lora.rank == 64 and load_config("half-b-inpo").model.lora.rank == 0


def test_overrides_by_dots_and_in_yaml_types():
    config = load_config(
        "enumerable-inpo",
        [
            "--training.lr",
            "5e-7",
            "--model.lora.rank=4",
            "--output.trackers",
            "[wandb]",
            "--training.seed",
            "3",
        ],
    )
    assert (config.training.lr, config.model.lora.rank, config.training.seed) == (5e-7, 4, 3)
    assert config.output.trackers == ("wandb",)
    assert load_config("enumerable-inpo", ["--training.checkpoint-every", "2"]).training.checkpoint_every == 2


def test_another_algorithm_leaves_the_parameters_of_the_first_behind():
    config = load_config("half-b-inpo", ["--algorithm.name", "nash-md-pg"])
    assert config.algorithm.parameters == {} and config.algorithm.tau == 0.0025


def test_a_file_extends_its_neighbour_and_a_recipe(tmp_path):
    written(tmp_path / "base.yaml", "extends: enumerable-inpo\ntraining: {seed: 7}\n")
    child = written(tmp_path / "child.yaml", "extends: base.yaml\ntraining: {lr: 1e-4}\n")
    config = load_config(child)
    assert (config.training.seed, config.training.lr, config.data.task) == (7, 1e-4, "enumerable")
    written(tmp_path / "base.yaml", "extends: child.yaml\n")
    refused("extends itself", child)


def test_faults_in_one_line(tmp_path):
    refused("no such file", tmp_path / "absent.yaml")
    refused("did you mean 'enumerable-inpo'", "enumerable-inpoo")
    refused("unknown section 'trainin'; did you mean 'training'", "enumerable-inpo", "--trainin.lr", "1")
    refused("unknown key in training 'lrr'; did you mean 'lr'", "enumerable-inpo", "--training.lrr", "1")
    refused(
        "unknown key in model.lora 'rnk'; did you mean 'rank'", "enumerable-inpo", "--model.lora.rnk", "1"
    )
    refused("training.seed: a whole number is needed, found 1.5", "enumerable-inpo", "--training.seed", "1.5")
    refused(
        "training.seed: a whole number is needed, found True", "enumerable-inpo", "--training.seed", "yes"
    )
    refused(
        "training.lr: a finite number is needed, found 'fast'", "enumerable-inpo", "--training.lr", "fast"
    )
    refused("training.lr: a finite number is needed, found nan", "enumerable-inpo", "--training.lr", ".nan")
    refused("training.lr: a number > 0", "enumerable-inpo", "--training.lr", "0")
    refused("training.schedule: one of constant, ", "enumerable-inpo", "--training.schedule", "step")
    refused(r"training.warmup: a number in \[0, 1\)", "enumerable-inpo", "--training.warmup", "1.5")
    refused("training.momentum: a number in", "enumerable-inpo", "--training.momentum", "1")
    refused("has no value", "enumerable-inpo", "--training.lr")
    refused("--section.key value is needed, found 'lr'", "enumerable-inpo", "lr", "1")
    refused("training: a section with keys", "enumerable-inpo", "--training", "3")
    refused("model.dtype: one of", "enumerable-inpo", "--model.dtype", "int3")
    refused("one of data.task, data.prompts", "enumerable-inpo", "--data.prompts", "x.jsonl")
    refused("judge.path", "half-b-inpo", "--judge.path", "null")
    refused("judge.kind: one of task, ", "half-b-inpo", "--judge.kind", "jury")
    refused("judge.scale: a number > 0", "half-b-inpo", "--judge.scale", "-1")
    refused("judge.criteria: a list of judges is needed", "half-b-inpo", "--judge.kind", "criteria")
    criteria = "half-b-inpo", "--judge.kind", "criteria", "--judge.criteria"
    refused(r"judge.criteria\[0\].kind: one of preference-model, ", *criteria, "[{kind: task}]")
    refused(
        r"judge.criteria\[1\].path: a judge of kind 'callable'",
        *criteria,
        "[{kind: length}, {kind: callable}]",
    )
    refused(r"judge.criteria\[0\].weight: a number > 0", *criteria, "[{kind: length, weight: 0}]")
    refused(
        "each needs a name of its own, found length, length", *criteria, "[{kind: length}, {kind: length}]"
    )
    refused("no YAML: key 'lr' is given twice", written(tmp_path / "a.yaml", "training:\n  lr: 1\n  lr: 2\n"))
    refused("no YAML", written(tmp_path / "a.yaml", "a: [1"))
    refused("no YAML", written(tmp_path / "a.yaml", "a: !!python/object/apply:os.getcwd []"))
    refused("sections with keys", written(tmp_path / "a.yaml", "- 1"))


def test_faults_of_algorithms():
    refused("unknown algorithm 'inpoo'; did you mean 'inpo'", "enumerable-inpo", "--algorithm.name", "inpoo")
    refused("did you mean 'eta_inverse'", "enumerable-inpo", "--algorithm.parameters.eta_inverze", "1")
    for word in ("0.05", "0.1"):  # eta_inverse below tau, and tau itself, which forgets the policy altogether
        refused(r"eta_inverse > tau = 0.1", "enumerable-inpo", "--algorithm.parameters.eta_inverse", word)
    assert load_config("enumerable-inpo", ["--algorithm.parameters.eta_inverse", "0.11"])
    assert load_config(
        "enumerable-dno", ["--algorithm.parameters.eta_inverse", "0.05"]
    )  # DNO keeps all of pi_t


def test_defaults_need_only_a_task(tmp_path):
    config = load_config(written(tmp_path / "a.yaml", "data: {task: enumerable}\n"))
    assert config == Config(data=config.data)


def test_constants_of_no_paper_are_marked():
    for path in RECIPES.glob("[!_]*.yaml"):
        for line in path.read_text().splitlines():
            if line.startswith("training") and "iterations: 3, prompts: 20000, lr: 5e-7" not in line:
                assert "# ours" in line, (path.name, line)


def test_adapters_by_default_stand_on_every_linear_layer_at_twice_their_rank():
    pytest.importorskip("peft")
    import torch

    from llm_bridge.models.adapters import with_adapters
    from llm_bridge.models.tiny import byte_tokenizer, tiny_llama

    lora = load_config("enumerable-inpo", ["--model.lora.rank", "3"]).model.lora
    made = with_adapters(tiny_llama(byte_tokenizer()), 3, alpha=lora.alpha, targets=lora.targets, seed=1)
    settings = made.peft_config["default"]
    assert (settings.r, settings.lora_alpha) == (3, 6)
    adapted = {name.split(".")[-1] for name, layer in made.named_modules() if hasattr(layer, "lora_A")}
    every = {name.split(".")[-1] for name, layer in tiny_llama(byte_tokenizer()).named_modules()
             if isinstance(layer, torch.nn.Linear)}  # fmt: skip
    assert adapted == every - {"lm_head"}
    again = with_adapters(tiny_llama(byte_tokenizer()), 3, seed=1).state_dict()
    assert all(torch.equal(again[name], weight) for name, weight in made.state_dict().items())
    with pytest.raises(NashsimError, match="model.lora.targets: no layer is named 'nowhere'"):
        with_adapters(tiny_llama(byte_tokenizer()), 3, targets=("nowhere",))
    with pytest.raises(NashsimError, match="a rank >= 1 is needed, found -1"):
        with_adapters(tiny_llama(byte_tokenizer()), -1)


def test_another_precision_of_sampling(tmp_path):
    asked = load_config("smollm2-online-ipo", ["--sampling.frozen_precision", "int8"]).sampling
    assert (asked.precision, asked.frozen_precision) == (None, "int8")
    refused(
        "sampling.precision: one of None, float32, bfloat16, int8", "_smollm2", "--sampling.precision", "int4"
    )
    refused("null is needed with sampling.engine compiled", "enumerable-inpo",
            "--sampling.precision", "int8", "--sampling.engine", "compiled")  # fmt: skip
