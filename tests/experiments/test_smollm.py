"""What the figure of SmolLM2 adds of its own: equal comparisons, runs that go on, and a second judge."""

import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("torch")

from nashsim.cli.reproducing import find_experiments, load_experiment


@pytest.fixture(scope="module")
def figure():
    load_experiment(find_experiments()["smollm"])
    return sys.modules["nashsim_experiment_smollm"]


@pytest.mark.parametrize("scale", ["FULL", "SMALL"])
def test_every_method_has_the_same_comparisons_and_optimiser_steps_of_one_size(figure, scale, tmp_path):
    scale = getattr(figure, scale)
    for name, plan in figure.PLANS.items():
        config = figure.configuration(scale, name, 0, tmp_path)
        training = config.training
        assert training.iterations * training.prompts * plan.each == scale.budget, name
        assert (config.algorithm.tau, training.lr) == (figure.TAU, figure.RATE)
        if plan.fits is not None:
            assert training.iterations * training.fit_steps * scale.batch == scale.budget


def test_a_run_that_was_cut_off_goes_on_and_what_is_kept_is_not_made_again(figure, tmp_path, monkeypatch):
    from llm_bridge.runs import train_run as module

    few = replace(figure.QUICK, methods=("online-ipo",))
    whole = figure.play(few, tmp_path / "whole")
    advance, made = module._ticks, []

    def cut(trainer):
        if trainer.iteration == 2:
            raise KeyboardInterrupt
        return advance(trainer)

    monkeypatch.setattr(module, "_ticks", cut)
    with pytest.raises(KeyboardInterrupt):
        figure.play(few, tmp_path / "cut")
    monkeypatch.setattr(module, "_ticks", advance)
    monkeypatch.setattr(
        module, "save_final", lambda *a, save=module.save_final, **k: (made.append(1), save(*a, **k))
    )
    again = figure.play(few, tmp_path / "cut")
    assert made == [1]
    pd.testing.assert_frame_equal(again, whole)
    pd.testing.assert_frame_equal(figure.play(few, tmp_path / "cut"), whole)
    assert made == [1]


def test_wins_are_those_of_the_answers_and_of_the_recipe_s_criteria_seed_by_seed(figure, tmp_path):
    from llm_bridge.judges import Comparison, rules

    few = replace(figure.QUICK, methods=("online-ipo", "dpo"), several=("online-ipo",))
    frame = figure.play(few, tmp_path)
    texts = {
        number: figure.json.loads(next(tmp_path.glob(f"*/answers-{number}-*.json")).read_text())["answers"]
        for number in (0, 1, 2, 9, 10)
    }
    over = frame[frame.opponent == "reference"].set_index(["method", "seed", "metric"]).value
    # the reference is 0 and 9, online IPO 1 and 10, and DPO of its one seed 2 against both of the reference's
    for name, pairs in (("online-ipo", ((1, 0), (10, 9))), ("dpo", ((2, 0), (2, 9)))):
        each = []
        for mine, other in pairs:
            mine, other = texts[mine], texts[other]
            asked = [Comparison(x, a, b) for x in mine for a, b in zip(mine[x], other[x], strict=True)]
            each.append([np.mean(rule(asked)) for rule in (rules.brief, rules.faithful, rules.plain)])
        found = [over[name, "all", f"wins {criterion}"] for criterion in ("brief", "faithful", "plain")]
        assert found == pytest.approx(np.mean(each, axis=0), abs=1e-6)
        assert over[name, "all", "wins"] == pytest.approx(np.mean(each), abs=1e-6)
        if name == "online-ipo":
            seeds = [over[name, str(s), "wins"] for s in (0, 1)]
            assert seeds == pytest.approx(np.mean(each, axis=1), abs=1e-6) and seeds[0] != seeds[1]
    assert ("dpo", "0", "wins") not in over.index
    told = {f.finding: f.measured for f in figure.findings(frame.assign(model="SmolLM2"))}
    assert told["three criteria: seeds of training"] == "2 of online-ipo, 1 of the others"
    said = told["three criteria: online-ipo against the reference"]
    assert said.endswith(f"; seeds {seeds[0]:.3f}, {seeds[1]:.3f}")
    assert (
        said.startswith(f"{np.mean(seeds):.3f} [")
        and "seeds" not in told["three criteria: dpo against the reference"]
    )


def test_an_interval_covers_the_mean_of_seeds_and_prompts_that_were_not_drawn(figure):
    interval = sys.modules["_smollm_tournament"].interval
    rng, times = np.random.default_rng(0), 1000
    for spread in (0.0, 0.01, 0.08):  # of seeds, beside 0.05 of prompts and 0.09 of what is neither's
        hits = 0
        for _ in range(times):
            drawn = [size * rng.normal(size=shape) for size, shape in zip(
                (spread, 0.05, 0.09), ((1, 3), (32, 1), (32, 3)), strict=True
            )]  # fmt: skip
            low, high = interval(0.5 + sum(drawn))
            hits += low < 0.5 < high
        # Satterthwaite's degrees of freedom are a fit, and may miss two points beside what 1000 draws may
        assert hits / times > 0.93 - 3 * np.sqrt(0.93 * 0.07 / times)


def test_a_learnt_preference_model_is_the_second_judge(figure, tmp_path, monkeypatch):
    from llm_bridge.models.tiny import byte_tokenizer, tiny_llama
    from llm_bridge.preference import Layout, PreferenceModel, save_model

    tokenizer = byte_tokenizer()
    model, layout = tiny_llama(tokenizer, width=16, layers=1), Layout.of_tokenizer(tokenizer, limit=512)
    save_model(PreferenceModel(model, layout, tokenizer=tokenizer), tmp_path / "judge")
    monkeypatch.setenv("NASHSIM_CACHE", str(tmp_path))
    monkeypatch.setenv("NASHSIM_PREFERENCE_MODEL", str(tmp_path / "judge"))
    monkeypatch.setattr(figure, "FULL", replace(figure.QUICK, methods=("online-ipo",)))
    frame = figure.compute_full()
    assert list(frame.judge.unique()) == ["three criteria", "learnt preference model"]
    learnt = frame[frame.judge == "learnt preference model"]
    assert set(frame[frame.judge == "three criteria"].seed) == {"0", "1", "all"} == set(learnt.seed)
    assert "wins" in set(learnt.metric) and "wins brief" not in set(learnt.metric)
    assert not any(f.finding == "judges" for f in figure.findings(frame))
    assert len(figure.draw(frame).subfigs) == 2
