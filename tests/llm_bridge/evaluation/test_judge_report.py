"""What is said of a judge is true of judges whose faults are known."""

from itertools import combinations

import numpy as np
import pytest

from llm_bridge.evaluation.judge_report.cycles import _cyclic, cycles, matrix_of, strongest_cycle
from llm_bridge.evaluation.judge_report.page import report_html, report_text
from llm_bridge.evaluation.judge_report.report import Pool, judge_report
from llm_bridge.judges import CallableJudge, Comparison, CriteriaJudge, LengthJudge
from nashsim.data.structure import cyclic_triples, hodge
from nashsim.errors import NashsimError

PROMPTS = 12


def pools(responses=("a", "bb", "ccc", "dddd"), prompts=PROMPTS):
    """Return the same responses to every prompt."""
    lengths = tuple(map(len, responses))
    return [
        Pool(f"prompt {x}", responses, lengths, tuple(Comparison(x, *p) for p in combinations(responses, 2)))
        for x in range(prompts)
    ]


def report(function, made=None, **options):
    return judge_report(CallableJudge(function), made or pools(), title="test", **options)


def test_a_judge_that_reads_no_further_than_the_first_response():
    found = report(lambda batch: [1.0] * len(batch))
    assert (found.voice.flips.value, found.voice.first.value, found.voice.longer.value) == (1, 1, 0.5)
    assert (
        found.voice.consistent.value == 1 and found.voice.cycles.cyclic_mass == 0 and not found.found_cycles
    )
    assert (found.pairs, found.responses, found.repeats) == (6 * PROMPTS, 4 * PROMPTS, 2)


def test_a_judge_of_length_alone_has_no_position_bias_and_no_cycle():
    found = report(lambda batch: [float(len(c.a) > len(c.b)) for c in batch])
    assert (found.voice.flips.value, found.voice.first.value, found.voice.longer.value) == (0, 0.5, 1)
    order = matrix_of(np.ones((6, 1, 2)))
    assert found.voice.cycles.cyclic_mass == pytest.approx(
        hodge(order).cyclic_mass
    )  # not 0: steps of one size
    assert found.voice.cycles.excess == pytest.approx(0, abs=1e-9) and found.voice.cycles.cyclic_triples == 0
    assert found.voice.cycles.p_value is None  # verdicts that never contradict each other have no noise


def test_a_cycle_is_told_from_noise_and_its_responses_are_named():
    beats = {"rock": "scissors", "scissors": "paper", "paper": "rock"}
    found = report(lambda batch: [float(beats[c.a] == c.b) for c in batch], pools(tuple(beats)))
    assert found.voice.cycles.cyclic_mass == pytest.approx(1) == found.voice.cycles.low
    assert found.voice.cycles.p_value == 1 / 501 and found.voice.cycles.excess_low > 0
    said = found.found_cycles[0]["responses"]
    assert all(beats[said[k]] == said[(k + 1) % 3] for k in range(3)) and len(found.found_cycles) == 3


def test_coins_are_inconsistent_and_no_more_cyclic_than_coins():
    coins = np.random.default_rng(3)
    found = report(lambda batch: coins.integers(0, 2, len(batch)).astype(float), pools(prompts=40))
    # 40 x 6 x 2 questions, each asked twice, and as many pairs with both orders: binomial, four standard errors.
    error = 4 * 0.5 / np.sqrt(40 * 6 * 2)
    assert abs(found.voice.consistent.value - 0.5) < error and abs(found.voice.flips.value - 0.5) < error
    assert found.voice.cycles.p_value > 0.01


@pytest.mark.parametrize("scale", [0.0, 1.0, 3.0])
def test_the_null_distribution_holds_its_level(scale):
    """Of transitive judges that toss coins, few look more cyclic than noise."""
    strengths = scale * np.array([0.0, 0.7, 1.1, 2.0])
    at = np.triu_indices(4, 1)
    model = 1 / (1 + np.exp(strengths[at[1]] - strengths[at[0]]))
    found = []
    for seed in range(60):
        coins = np.random.default_rng([7, seed])
        said = [coins.binomial(1, model[:, None, None], (6, 2, 2)).astype(float) for _ in range(8)]
        found.append(cycles(said, np.ones((1, 8)), draws=99, seed=seed).p_value)
    # At most 5% by chance: binomial(60, 0.05) exceeds 9 with probability 7e-4.
    assert sum(p <= 0.05 for p in found) <= 9


def test_probabilities_of_a_reward_are_no_more_cyclic_than_their_fit():
    judge = LengthJudge(0.8)
    found = judge_report(judge, pools(), title="length").voice.cycles
    # Its Bradley-Terry fit is the judge itself, its noise none.
    assert np.allclose(found.null, found.cyclic_mass, atol=1e-9) and 0 < found.cyclic_mass < 0.05
    assert found.excess == pytest.approx(0, abs=1e-9) and found.p_value is None


def test_criteria_are_looked_at_one_by_one():
    def ranked(order):
        return CallableJudge(lambda batch: [float(order.index(c.a) < order.index(c.b)) for c in batch])

    judge = CriteriaJudge({order: ranked(order) for order in ("abc", "bca", "cab")}, [1 / 3] * 3)
    found = judge_report(
        judge, pools(("a", "b", "c")), title="Condorcet", second=LengthJudge(1.0), second_title="L"
    )
    assert found.voice.cycles.cyclic_mass == pytest.approx(1) and found.voice.longer is None
    assert all(voice.cycles.cyclic_triples == 0 for voice in found.criteria.values())
    assert found.agreement is None  # the second judge decides nothing
    page, lines = report_html(found), report_text(found)
    assert "Criterion by criterion" in page and page.count("<article>") == 3 and "http" not in page
    assert "three-cycle on 'prompt" in lines and "bca" in lines


def test_agreement_counts_the_pairs_that_both_decide():
    longer, shorter = LengthJudge(1.0), LengthJudge(-1.0)
    for second, share in ((longer, 1), (shorter, 0)):
        found = judge_report(longer, pools(), title="l", second=second, second_title="other")
        assert found.agreement.value == share and found.voice.consistent is None and found.repeats == 1
    assert found.to_dict()["second"] == "other" and found.to_dict()["cycles"]["null"]["low"] > 0


def test_pages_do_not_take_text_for_markup():
    judge = CallableJudge(lambda batch: [float((c.a, c.b) in cycle) for c in batch])
    words = ("<b>a</b>", "<script>", "&c")
    cycle = {(words[k], words[(k + 1) % 3]) for k in range(3)}
    page = report_html(judge_report(judge, pools(words), title="<i>me</i>"))
    assert "<script>" not in page and "&lt;b&gt;a" in page and "<i>" not in page


def test_nothing_to_compare_is_refused():
    with pytest.raises(NashsimError, match="a prompt with two different responses is needed"):
        judge_report(LengthJudge(1.0), pools(("a",)), title="none")


def test_masses_are_those_of_nashsim():
    for n in (3, 5):
        pairs = np.random.default_rng(n).random(n * (n - 1) // 2)
        matrix = matrix_of(pairs[:, None])
        triples = cyclic_triples(matrix) / (n * (n - 1) * (n - 2) / 6)
        assert np.allclose(_cyclic(pairs), [hodge(matrix).cyclic_mass, triples], atol=1e-12)


def test_the_strongest_cycle():
    matrix = np.array([[0.5, 0.9, 0.3], [0.1, 0.5, 0.6], [0.7, 0.4, 0.5]])
    assert strongest_cycle(matrix) == (0.6, (0, 1, 2)) and strongest_cycle(matrix.T) == (0.6, (0, 2, 1))
    assert strongest_cycle(np.full((3, 3), 0.5)) is None
