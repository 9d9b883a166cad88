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


def test_wins_are_those_of_the_answers_and_of_the_recipe_s_criteria(figure, tmp_path):
    from llm_bridge.judges import Comparison, rules

    few = replace(figure.QUICK, methods=("online-ipo",))
    frame = figure.play(few, tmp_path)
    files = [next(tmp_path.glob(f"*/answers-{number}-*.json")) for number in (0, 1)]
    other, mine = (figure.json.loads(file.read_text())["answers"] for file in files)
    asked = [Comparison(x, a, b) for x in mine for a, b in zip(mine[x], other[x], strict=True)]
    each = [np.mean(rule(asked)) for rule in (rules.brief, rules.faithful, rules.plain)]
    over = (
        frame[(frame["method"] == "online-ipo") & (frame.opponent == "reference")].set_index("metric").value
    )
    found = [over[f"wins {name}"] for name in ("brief", "faithful", "plain")]
    assert found == pytest.approx(each, abs=1e-6) and over["wins"] == pytest.approx(np.mean(each), abs=1e-6)


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
    assert "wins" in set(learnt.metric) and "wins brief" not in set(learnt.metric)
    assert not any(f.finding == "judges" for f in figure.findings(frame))
    assert len(figure.draw(frame).subfigs) == 2
