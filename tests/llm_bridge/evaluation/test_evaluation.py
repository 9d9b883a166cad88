"""Win rates as a game, length-adjusted rates, and KL estimators, on data whose truth is known."""

import numpy as np
import pytest
from scipy.special import expit, logit

from llm_bridge.evaluation import kl_to_reference, length_adjusted, length_statistics, win_rates
from llm_bridge.evaluation.text_measure import TextMeasure
from llm_bridge.judges import ClassGameJudge, LengthJudge
from nashsim.errors import NashsimError
from tests.llm_bridge import models

CYCLE = np.array([[0.5, 0.9, 0.2], [0.1, 0.5, 0.8], [0.8, 0.2, 0.5]])


def judge():
    return ClassGameJudge(CYCLE, lambda prompt, response: "abc".index(response))


def speakers(masses, prompts, samples, seed):
    random = np.random.default_rng(seed)
    return {
        name: [["abc"[c] for c in random.choice(3, samples, p=p)] for _ in range(prompts)]
        for name, p in masses.items()
    }


def test_pure_players_are_the_game_itself():
    answers = {name: [[name], [name]] for name in "abc"}
    found = win_rates(answers, ["x", "y"], judge())
    np.testing.assert_allclose(found.rates, CYCLE, rtol=0, atol=1e-16)
    inspected = found.inspect()
    assert inspected.smith_set == ["a", "b", "c"] and inspected.cyclic_triples == 1
    # margins (.4, .3, .3): the lottery of a 3-cycle weighs each by the margin it is not part of
    np.testing.assert_allclose([inspected.lottery[c] for c in "abc"], [0.3, 0.3, 0.4], atol=1e-9)
    worst = found.exploitability().set_index("player")
    np.testing.assert_allclose(worst.exploitability, [0.3, 0.4, 0.3], atol=1e-15)
    assert worst.exploiter.tolist() == ["c", "a", "b"]


def test_mixed_players_meet_their_bilinear_rates():
    masses = {"p": [0.5, 0.3, 0.2], "q": [0.1, 0.1, 0.8]}
    found = win_rates(speakers(masses, 400, 4, 0), range(400), judge())
    truth = np.array(masses["p"]) @ CYCLE @ np.array(masses["q"])
    error = found.outcomes[0, 1].std() / np.sqrt(1600)
    assert abs(found.rates[0, 1] - truth) < 4 * error
    assert found.unit == "prompts"
    assert found.rates[0, 1] + found.rates[1, 0] == 1
    assert found.low[0, 1] == pytest.approx(1 - found.high[1, 0])
    assert found.high[0, 1] - found.low[0, 1] == pytest.approx(2 * 1.96 * error, rel=0.2)


def test_intervals_cover():
    """95% intervals of 200 data sets hold the truth in 95% of them, within four binomial standard errors."""
    masses = {"p": [0.5, 0.3, 0.2], "q": [0.1, 0.1, 0.8]}
    truth = np.array(masses["p"]) @ CYCLE @ np.array(masses["q"])
    held = 0
    for seed in range(200):
        found = win_rates(speakers(masses, 60, 2, seed), range(60), judge(), resamples=300)
        held += found.low[0, 1] <= truth <= found.high[0, 1]
    assert abs(held / 200 - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 200)


def test_few_prompts_say_so():
    found = win_rates(speakers({"p": [1, 0, 0], "q": [0.5, 0.5, 0]}, 3, 50, 0), range(3), judge())
    assert found.unit == "answers"
    assert found.low[0, 1] < found.rates[0, 1] < found.high[0, 1]


def test_improvement_against_the_iterate_before():
    answers = {name: [[name]] for name in "cba"}
    table = win_rates(answers, ["x"], judge()).improvements()
    assert table.player.tolist() == ["b", "a"] and table.previous.tolist() == ["c", "b"]
    np.testing.assert_allclose(table.win_rate, [0.8, 0.9])


def test_frame_is_tidy_and_lengths_are_kept():
    found = win_rates({"s": [["a"]], "l": [["bbb"]]}, ["x"], LengthJudge(1.0))
    frame = found.frame()
    assert list(frame.columns) == ["player", "opponent", "win_rate", "low", "high", "comparisons"]
    assert len(frame) == 4 and found.lengths.ravel().tolist() == [1, 3]


@pytest.mark.parametrize(
    ("answers", "prompts", "said"),
    [
        ({"p": [["a"]]}, ["x"], "two players"),
        ({"p": [["a"]], "q": []}, ["x"], "'q' answered 0 of 1"),
        ({"p": [["a"]], "q": [["a", "b"]]}, ["x"], "equally many"),
        ({"p": [[]], "q": [[]]}, ["x"], "equally many, at least one"),
    ],
)
def test_answers_that_do_not_fit_are_refused(answers, prompts, said):
    with pytest.raises(NashsimError, match=said):
        win_rates(answers, prompts, judge())


def test_a_judge_outside_its_range_is_refused():
    with pytest.raises(NashsimError, match=r"\[0, 1\]"):
        win_rates({"p": [["a"]], "q": [["b"]]}, ["x"], lambda batch: [1.5])


def test_length_taken_out_of_a_win_rate():
    """Outcomes of theta = .5 with a liking for length: theta within four of its errors, the raw rate far off."""
    random = np.random.default_rng(1)
    first, second = random.integers(20, 60, 4000), random.integers(5, 40, 4000)
    spread = (first - second).std()
    won = random.random(4000) < expit(0.5 + 1.0 * (first - second) / spread)
    found = length_adjusted(won, first, second)
    error = (logit(found.high) - logit(found.low)) / (2 * 1.96)
    assert abs(logit(found.rate) - 0.5) < 4 * error
    assert found.slope == pytest.approx(1.0, abs=0.2)
    assert found.raw > found.high
    # The other way round it is another question with the complementary answer.
    swapped = length_adjusted(1 - won, second, first)
    assert swapped.rate == pytest.approx(1 - found.rate, abs=1e-6)


def test_one_who_always_wins_has_a_finite_fit():
    found = length_adjusted(np.ones(20), np.arange(20), np.zeros(20))
    assert 0.5 < found.rate < 1 and np.isfinite(found.slope)


def test_comparisons_of_one_prompt_count_once():
    random = np.random.default_rng(0)
    first, second = random.integers(1, 9, 60), random.integers(1, 9, 60)
    won = random.random(60) < 0.5
    alone = length_adjusted(won, first, second)
    four = [np.repeat(v, 4) for v in (won, first, second)]
    together = length_adjusted(*four, groups=np.repeat(np.arange(60), 4))
    apart = length_adjusted(*four)
    # Firth's pull on 240 rows is a quarter of that on 60; the widths in log-odds agree up to it.
    assert (together.high - together.low) == pytest.approx(alone.high - alone.low, rel=0.1)
    assert (apart.high - apart.low) == pytest.approx((alone.high - alone.low) / 2, rel=0.1)


def test_length_that_never_differs_is_no_evidence():
    found = length_adjusted([1, 0, 1, 1], [4, 4, 4, 4], [3, 3, 3, 3])
    assert np.isnan(found.rate) and found.raw == 0.75 and "cannot be told apart" in found.status


def test_length_statistics():
    found = length_statistics([1, 2, 3, 4, 5], [True] * 4 + [False])
    assert found["mean"] == 3 and found["median"] == 3 and found["cut_off"] == pytest.approx(0.2)


@pytest.mark.parametrize("estimator", ["k1", "k3"])
def test_kl_estimators_are_unbiased(estimator):
    pi, mu = np.array([0.6, 0.3, 0.1]), np.array([0.1, 0.3, 0.6])
    exact = (pi * np.log(pi / mu)).sum()
    y = np.random.default_rng(0).choice(3, 20_000, p=pi)
    found = kl_to_reference(np.log(pi[y]), np.log(mu[y]), estimator)
    assert abs(found.value - exact) < 4 * found.error
    assert found.responses == 20_000
    # the swapped ratio estimates something else altogether
    flipped = kl_to_reference(np.log(mu[y]), np.log(pi[y]), estimator)
    assert abs(flipped.value - exact) > 10 * found.error


def test_several_samples_of_a_prompt_are_not_as_many_prompts():
    """Of 40 prompts by 8 samples that share most of what they say, 95% of intervals hold the mean, not half of them."""
    rng, drawn = np.random.default_rng(0), 2000
    log_ratio = rng.normal(size=(drawn, 40, 1)) + 0.5 * rng.normal(size=(drawn, 40, 8))
    covered = [0, 0]
    for values in log_ratio:
        for k, shape in enumerate(((40, 8), (320,))):
            found = kl_to_reference(values.reshape(shape), np.zeros(shape))
            assert found.responses == 320
            covered[k] += abs(found.value) < 2.0227 * found.error  # Student's t of 39 degrees of freedom
    # four standard errors of a share of 2000
    assert abs(covered[0] / drawn - 0.95) < 4 * np.sqrt(0.95 * 0.05 / drawn) and covered[1] / drawn < 0.65
    one = kl_to_reference([[0.0, 1.0, 2.0]], np.zeros((1, 3)))
    assert one == kl_to_reference([0.0, 1.0, 2.0], np.zeros(3))
    lengths = [[4, 4], [8, 8]]
    assert length_statistics(lengths)["error"] == 2 > length_statistics(np.ravel(lengths))["error"]


def test_errors_of_a_record_are_those_of_prompts():
    prompts = [(1, 2), (2, 1), (1, 1)]

    def by_prompt(asked):
        return np.array([prompts.index(tuple(one.prompt)) / 2 for one in asked])

    policy = models.policy("gpt2", pad=0)
    for samples in (1, 2, 5):
        found = TextMeasure(by_prompt, prompts, 4, samples=samples)(policy)
        assert found["win_rate"] == 0.5 and found["win_rate_error"] == pytest.approx(
            0.5 / np.sqrt(3), rel=1e-12
        )


def test_kl_refusals():
    with pytest.raises(NashsimError, match="estimator"):
        kl_to_reference([0.0, 0.0], [0.0, 0.0], "k2")
    with pytest.raises(NashsimError, match="two responses"):
        kl_to_reference([0.0], [0.0])


def test_the_picture_shows_every_rate():
    from llm_bridge.evaluation.figure import draw_win_rates

    figure = draw_win_rates(win_rates({name: [[name]] for name in "abc"}, ["x"], judge()))
    said = [text.get_text() for text in figure.axes[0].texts]
    assert [t.strip() for t in said[::2]] == ["90.0", "20.0", "10.0", "80.0", "80.0", "20.0"]
    bars = [bar.get_width() for bar in figure.axes[1].patches]
    np.testing.assert_allclose(bars, [30, 30, 40], atol=1e-6)
