"""Plots in one call: five plots in five calls, whatever is passed, and refusals in one line."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from nashsim import NashsimError, PreferenceData, PreferenceGame, games, plots, run, run_many
from nashsim.online import LEARNERS, play_learner, run_regret
from nashsim.plots import learner_line, rule_line
from nashsim.plots.lines import lines_of
from nashsim.plots.style import shown
from nashsim.rules import OMD, RULES

GAME = games.get("rps").replace(tau=0.1, reference=[0.6, 0.3, 0.1])


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def test_five_plots_in_five_calls():
    runs = [run(GAME, rule, queries=1000, keep_policies=True) for rule in ("nash-md", "omd", "egpo")]
    duels = run_regret(GAME, ["inpo-online", "enpo"], rounds=300, seeds=3)

    axes = [
        runs[-1].plot(bounds=True),
        plots.convergence(runs),
        plots.simplex(runs),
        plots.matrix(games.get("tldr").replace(tau=0.1)),
        plots.regret(duels),
    ]
    assert all(isinstance(ax, Axes) for ax in axes) and len({ax.figure for ax in axes}) == 5
    for ax in axes:
        ax.figure.canvas.draw()
    assert legend(axes[0]) == ["EGPO", "proved bound, same colour"]
    assert legend(axes[1]) == ["Nash-MD", "OMD", "EGPO"]
    assert legend(axes[2])[:3] == ["Nash-MD", "OMD", "EGPO"]
    assert legend(axes[4]) == ["INPO-Online", "ENPO"]


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()] if ax.get_legend() else []


def test_curves_are_the_recorded_numbers():
    runs = run_many([GAME], ["omd", "egpo"], queries=200, seeds=range(3), start="random")
    ax = plots.convergence(runs, "kl_to_equilibrium", bounds=True)
    curve, bound = ax.lines[:2]
    seeds = np.array([one.metrics["kl_to_equilibrium"] for one in runs[:3]])
    after = runs[0].queries > 0
    np.testing.assert_array_equal(curve.get_xdata(), runs[0].queries[after])
    np.testing.assert_array_equal(curve.get_ydata(), np.median(seeds, axis=0)[after])
    proved = [
        one.metrics["kl_to_equilibrium"][0] * (1 - 0.1 * OMD().eta(0.1)) ** one.step for one in runs[:3]
    ]
    np.testing.assert_allclose(bound.get_ydata(), np.max(proved, axis=0)[after], rtol=1e-9)


def test_means_of_regret_and_their_band():
    play = play_learner(GAME, "inpo-online", rounds=100, seeds=4)
    line = plots.regret(play).lines[0]
    np.testing.assert_allclose(line.get_ydata(), play.values["regret"].mean(axis=0), rtol=1e-12)
    assert plots.regret({"a": play, "b": play}, "average_gap").lines[1].get_label() == "b"


@pytest.mark.parametrize("classes, line", [(RULES, rule_line), (LEARNERS, learner_line)])
def test_every_rule_and_learner_has_a_line_of_its_own(classes, line):
    found = [line(cls.name) for cls in classes]
    assert len({(one["color"], one["linestyle"]) for one in found}) == len(classes)
    assert all(one["label"].lower() == cls.name for one, cls in zip(found, classes, strict=True))
    new = line("a new one")  # without a place in the registry
    assert new["label"] == "a new one" and (new["color"], new["linestyle"]) not in {
        (one["color"], one["linestyle"]) for one in found
    }


def test_rules_that_compete_keep_their_colours():
    colours = [rule_line(name)["color"] for name in ("nash-md", "omd", "inpo", "mmd", "nash-mp", "egpo")]
    assert len(set(colours)) == 6


def test_curves_of_one_rule_differ():
    lines = lines_of(["omd", "egpo", "omd", "omd"], "rule")
    assert len({(line["color"], line["linestyle"]) for line in lines}) == 4
    assert lines[0] == rule_line("omd") and lines[1] == rule_line("egpo")


def test_labels_say_what_tells_curves_apart():
    steps = [run(GAME, OMD(step=step), queries=50) for step in (0.1, 0.2)]
    assert legend(plots.convergence(steps)) == ["OMD(step=0.1)", "OMD(step=0.2)"]
    taus = [run(GAME.replace(tau=tau), "omd", queries=50) for tau in (0.1, 0.2)]
    ax = plots.convergence(taus)
    assert legend(ax) == ["τ = 0.1", "τ = 0.2"] and ax.get_title() == "rps"
    other = PreferenceGame([[0.5, 0.9], [0.1, 0.5]], tau=0.1)
    same_name = [
        run(one, "omd", queries=50) for one in (other, PreferenceGame([[0.5, 0.6], [0.4, 0.5]], tau=0.1))
    ]
    assert legend(plots.convergence(same_name)) == ["game", "game (2)"]
    assert legend(plots.convergence({"mine": steps[0], "other's": steps[1]})) == ["mine", "other's"]


def test_other_regularisers_are_named_and_have_no_bound():
    chi2 = run(GAME.replace(regulariser="chi2"), "omd", queries=50)
    ax = plots.convergence([chi2, run(GAME, "omd", queries=50)])
    assert any("chi2" in label for label in legend(ax)) and ax.get_ylabel() == "regularised duality gap"
    with pytest.raises(NashsimError, match="nothing is proved"):
        chi2.plot(bounds=True)


def test_tidy_frames_of_any_making():
    frame = pd.concat([run(GAME, rule, queries=50).frame() for rule in ("omd", "egpo")])
    assert legend(plots.convergence(frame)) == ["OMD", "EGPO"]
    assert legend(plots.convergence(frame.assign(rule="of my own"))) == ["of my own"]
    loss = pd.DataFrame(
        {"metric": "loss", "queries": [1, 2, 3], "value": [1.0, 0.5, 0.0], "seed": 0, "rule": "dpo"}
    )
    assert plots.convergence(loss, "loss").get_ylabel() == "loss"


def test_zeros_alone_and_seeds_of_different_length_are_drawn():
    at_rest = run(PreferenceGame([[0.5, 0.5], [0.5, 0.5]], tau=1.0), "omd", queries=20)
    assert plots.convergence(at_rest).get_yscale() == "linear"
    short, long = run(GAME, "omd", queries=20, seed=1), run(GAME, "omd", queries=50)
    assert len(plots.convergence([short, long]).lines) == 2


@pytest.mark.parametrize("n", [2, 3, 15, 100])
def test_games_of_every_size(n):
    game = games.get(f"uniform:n={n},seed=1").replace(tau=0.2)
    shares = np.array(plots.solution_path(game, [0.1, 1.0]).lines[0].get_ydata())
    assert shares.shape == (2,) and (shares > 0).all()
    for ax in (plots.matrix(game), plots.rankings(game), run(game, "omd", queries=20).plot()):
        ax.figure.canvas.draw()


def test_the_matrix_is_sorted_by_the_equilibrium():
    game = games.get("tldr").replace(tau=0.1)
    ax = plots.matrix(game)
    masses = [float(text.get_text().split()[-1]) for text in ax.get_yticklabels()]
    assert masses == sorted(masses, reverse=True) and abs(sum(masses) - 1) < 14 * 0.005 + 1e-9
    names = [text.get_text() for text in ax.get_xticklabels()]
    p = pd.DataFrame(game.probabilities[0], game.labels, game.labels).loc[names, names]
    np.testing.assert_array_equal(ax.images[0].get_array(), p)
    given = plots.matrix(game, order=list(game.labels))
    np.testing.assert_array_equal(given.images[0].get_array(), game.probabilities[0])


def test_pairs_that_were_never_compared_stay_grey():
    data = PreferenceData(["a", "b", "c"], [[0.5, 0.6, np.nan], [np.nan] * 3, [np.nan, 0.3, 0.5]])
    ax = plots.matrix(data, order="borda")
    assert ax.images[0].get_array().mask.sum() == 2
    with pytest.raises(NashsimError, match="missing"):
        plots.matrix(data)


LONG = (
    "a very long response that explains everything",
    "Unbreakable_label_of_a_model_of_2026",
    "the $5 one & $6 more",
)


@pytest.mark.parametrize("size", [(3, 2.5), (6.4, 4.8), (12, 3)])
@pytest.mark.parametrize("labels", [("rock", "paper", "scissors"), LONG, [label * 3 for label in LONG]])
def test_corner_labels_never_collide(size, labels):
    game = GAME.replace(labels=labels)
    figure, panels = plt.subplots(
        1, 2 if size[0] == 12 else 1, figsize=size, layout="constrained", squeeze=False
    )
    ax = panels[0, 0]
    plots.simplex(run(game, "omd", queries=200, keep_policies=True), ax=ax, legend=False)
    ax.set_title("a title")
    figure.canvas.draw()
    corners = [text.get_window_extent() for text in ax.texts if text.get_text()]
    boxes = [*corners, ax.title.get_window_extent()]
    assert len(corners) == 3
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    path = ax.transData.transform(plots.to_plane(np.eye(3)))
    assert not any(box.contains(*corner) for box in corners for corner in path)


def test_paths_and_marks_of_the_simplex():
    one = run(GAME, "omd", queries=200, keep_policies=True)
    ax = plots.simplex({"mine": one})
    [path] = [line for line in ax.lines if line.get_label() == "mine"]
    np.testing.assert_allclose(np.transpose(path.get_data()), plots.to_plane(np.exp(one.log_policies[:, 0])))
    star = [line for line in ax.lines if line.get_marker() == "*"]
    np.testing.assert_allclose(
        np.ravel(star[0].get_data()), plots.to_plane(np.exp(one.log_equilibrium[0])), atol=1e-12
    )
    plots.simplex(np.exp(one.log_policies[:, 0]), ax=ax)


def test_a_stack_of_contexts_is_asked_for_one():
    stack = PreferenceGame(
        np.stack([GAME.probabilities[0], 1 - GAME.probabilities[0]]), tau=0.1, labels=GAME.labels
    )
    for call in (plots.matrix, plots.rankings, plots.solution_path):
        with pytest.raises(NashsimError, match="choose one by context"):
            call(stack)
        call(stack, context=1).figure.canvas.draw()
    kept = run(stack, "omd", queries=100, keep_policies=True)
    plots.simplex(kept, context=0)
    kept.plot(bounds=True)


@pytest.mark.parametrize(
    "call, match",
    [
        (lambda: plots.convergence(3), "runs: results with a frame"),
        (lambda: plots.convergence([]), "runs: nothing to draw"),
        (lambda: plots.convergence(run(GAME, "omd", queries=9), "gap"), "unknown metric 'gap'"),
        (lambda: plots.convergence(pd.DataFrame({"x": [1]})), "columns metric, value and queries"),
        (lambda: plots.convergence(run(GAME, "self-play", queries=9), bounds=True), "nothing is proved"),
        (lambda: plots.simplex(run(GAME, "omd", queries=9)), "keep_policies=True"),
        (
            lambda: plots.simplex(run(games.get("tldr").replace(tau=1), "omd", keep_policies=True)),
            "three actions",
        ),
        (lambda: plots.simplex("omd"), "runs: a Run"),
        (lambda: plots.matrix("tldr"), r"games.get\(name\)"),
        (lambda: plots.matrix(GAME, order="elo"), "order: 'nash'"),
        (lambda: plots.matrix(GAME, order=["a"]), "each of the 3 labels"),
        (lambda: plots.matrix(GAME, context=2), "context: a number from 0 to 0"),
        (lambda: plots.solution_path(GAME, [0.0]), "tau"),
        (lambda: plots.solution_path(GAME, []), "taus: at least one"),
        (lambda: plots.regret(run(GAME, "omd", queries=9)), "columns metric, value and rounds"),
    ],
)
def test_refusals_are_one_line_and_leave_no_figure(call, match):
    with pytest.raises(NashsimError, match=match) as refused:
        call()
    assert "\n" not in str(refused.value) and not plt.get_fignums()


def test_axes_that_are_given_are_drawn_on():
    figure, (left, right) = plt.subplots(1, 2)
    assert run(GAME, "omd", queries=20).plot(ax=left) is left
    assert plots.solution_path(GAME, [0.1, 1], ax=right) is right
    assert plt.get_fignums() == [figure.number]


def test_labels_are_no_mathematics():
    assert shown("$x$") == r"\$x\$" and not shown("_x").startswith("_") and shown("a\nb") == "a b"
    plots.solution_path(GAME.replace(labels=["$", "_b", r"\frac{"]), [0.1]).figure.canvas.draw()
