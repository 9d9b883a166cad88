"""Judges keep their contract, and whoever breaks it is named."""

import numpy as np
import pytest

from llm_bridge.judges import (
    CallableJudge,
    ClassGameJudge,
    Comparison,
    CriteriaJudge,
    LengthJudge,
    length_game,
    verdicts,
)
from nashsim import NashsimError

ASK = [Comparison("q", "a", "b"), Comparison("q", "b", "a"), Comparison("q", "a", "a")]


def test_both_orders_remove_a_favour_for_the_first():
    judge = CallableJudge(lambda batch: [0.7 if c.a == "a" else 0.5 for c in batch])
    assert np.allclose(judge(ASK), [0.6, 0.4, 0.5], atol=1e-15)
    single = CallableJudge(lambda batch: [0.7 if c.a == "a" else 0.5 for c in batch], both_orders=False)
    assert np.allclose(single(ASK), [0.7, 0.5, 0.5])


def test_what_is_known_is_not_asked_again():
    judge = CallableJudge(lambda batch: [0.7] * len(batch))
    judge(ASK)
    assert judge.asked == 2  # two orders of one pair; equal responses are never asked
    judge(ASK)
    assert judge.asked == 2
    forgetful = CallableJudge(lambda batch: [0.7] * len(batch), cache=0)
    forgetful(ASK), forgetful(ASK)
    assert forgetful.asked == 4


def test_a_small_cache_never_loses_an_answer_of_the_batch_at_hand():
    judge = CallableJudge(lambda batch: [ord(c.a) / 200 for c in batch], both_orders=False, cache=1)
    first = judge(ASK[:2])
    assert np.array_equal(judge([ASK[1], ASK[0]]), first[::-1])


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ([1.2, 0.0], r"\[0, 1\], found 1.2"),
        ([np.nan, 0.5], "found nan"),
        ([-0.1, 0.5], "found -0.1"),
        ([0.5], r"shape \(2,\), found \(1,\)"),
        ("no", "2 probabilities are needed"),
    ],
)
def test_an_answer_outside_the_contract_is_an_error_after_bounded_retries(answer, words):
    calls = []

    def bad(batch):
        calls.append(len(batch))
        return answer

    with pytest.raises(NashsimError, match=words):
        CallableJudge(bad, retries=2)(ASK)
    assert calls == [2, 2, 2]


def test_a_judge_that_recovers_is_heard():
    tries = iter([ConnectionError("away"), [2.0, 2.0], [0.9, 0.2]])

    def flaky(batch):
        found = next(tries)
        if isinstance(found, Exception):
            raise found
        return found

    assert np.allclose(CallableJudge(flaky, retries=2)(ASK), [0.85, 0.15, 0.5])


def test_rows_with_one_prompt_and_other_facts_are_two_questions():
    judge = CallableJudge(lambda batch: [0.9 if c.metadata["likes"] == c.a else 0.1 for c in batch])
    asked = [Comparison("q", "a", "b", {"likes": likes}) for likes in "ab"]
    assert np.allclose(judge(asked), [0.9, 0.1], atol=1e-15)
    assert np.allclose(judge(asked[::-1]), [0.1, 0.9], atol=1e-15) and judge.asked == 4


def test_an_error_of_the_judge_keeps_its_type_and_place():
    def lost(batch):
        return [{}["score"] for c in batch]

    line = lost.__code__.co_firstlineno + 1
    with pytest.raises(
        NashsimError, match=rf"the last: KeyError: 'score' \(test_judges.py, line {line}\)"
    ) as found:
        CallableJudge(lost)(ASK)
    assert isinstance(found.value.__cause__, KeyError)
    with pytest.raises(NashsimError, match="the last: TypeError: .*takes 0 positional"):
        CallableJudge(lambda: [])(ASK)


def test_class_game_is_exact_and_refuses_what_is_no_preference():
    P = np.array([[0.5, 0.9, 0.2], [0.1, 0.5, 0.7], [0.8, 0.3, 0.5]])
    judge = ClassGameJudge(P, lambda prompt, response: response)
    batch = [Comparison(None, i, j) for i in range(3) for j in range(3)]
    assert np.array_equal(judge(batch).reshape(3, 3), P)
    with pytest.raises(NashsimError, match="class below 3"):
        judge([Comparison(None, 3, 0)])
    for bad in ([[0.5, 0.9], [0.2, 0.5]], [[0.5, 1.2], [-0.2, 0.5]], [[0.5]] * 2):
        with pytest.raises(NashsimError, match="preference"):
            ClassGameJudge(bad, int)


def test_length_judge_is_the_class_game_of_lengths():
    responses = [(), (1,), (1, 2, 3)]
    found = LengthJudge(0.4)([Comparison("q", a, b) for a in responses for b in responses]).reshape(3, 3)
    assert np.array_equal(found, length_game([0, 1, 3], 0.4))
    assert found[2, 0] == pytest.approx(1 / (1 + np.exp(-1.2)), abs=1e-15)
    assert np.array_equal(found + found.T, np.ones((3, 3)))


def test_criteria_are_a_mixture_and_each_is_heard():
    short, early = LengthJudge(-1.0), CallableJudge(lambda batch: [float(c.a < c.b) for c in batch])
    judge = CriteriaJudge({"short": short, "early": early}, [0.25, 0.75])
    asked = [Comparison("q", a, b) for a in ("b", "aa") for b in ("c", "bbb")]
    said = judge.verdicts(asked)
    assert list(said) == ["", "short", "early"]
    assert np.array_equal(said["short"], short(asked)) and np.array_equal(said["early"], early(asked))
    assert np.allclose(judge(asked), 0.25 * said["short"] + 0.75 * said["early"], atol=1e-15)
    assert np.array_equal(verdicts(short, asked)[""], short(asked))
    with pytest.raises(NashsimError, match="criterion early: judge: gave up"):
        CriteriaJudge({"early": CallableJudge(lambda batch: [2.0])}, [1])(asked)
    for weights in ([1.0], [0.5, 0.6], [1.5, -0.5]):
        with pytest.raises(NashsimError, match="weights: one > 0 a criterion"):
            CriteriaJudge({"short": short, "early": early}, weights)
