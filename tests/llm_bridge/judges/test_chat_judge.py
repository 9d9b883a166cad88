"""A judge behind an endpoint, a process of its own with faults: what it says is heard, and paid for once."""

import time
from dataclasses import replace

import numpy as np
import pytest

from llm_bridge.judges import CallableJudge, Comparison
from llm_bridge.judges.chat.answer_store import AnswerStore, StoredFunction
from llm_bridge.judges.chat.judge import ChatFunction
from llm_bridge.judges.chat.options import OpenAIOptions
from llm_bridge.judges.chat.verdict import UnreadableReply, logprob_verdict, text_verdict
from llm_bridge.judges.orders import unreadable_text
from nashsim.errors import NashsimError

from .endpoint import Endpoint

ASK = [Comparison("q", "long one", "short"), Comparison("q", "a", "bb"), Comparison("q", "x", "y")]


@pytest.fixture(scope="module")
def endpoint():
    found = Endpoint()
    yield found
    found.end()


@pytest.fixture
def ask(endpoint, tmp_path):
    def function(model, *, retries=3, file="answers.sqlite", url=endpoint.url, **options):
        options = {"pause": 0.01, "concurrency": 1} | options
        chosen = OpenAIOptions(model=model, base_url=url, **options)
        return ChatFunction(chosen, AnswerStore(tmp_path / file), retries)

    return function


def test_verdicts_ties_and_both_orders(ask):
    assert np.array_equal(ask("fair")(ASK), [1, 0, 0.5])
    assert np.array_equal(CallableJudge(ask("first"))(ASK), [0.5, 0.5, 0.5])
    assert np.array_equal(ask("reasoning")(ASK), [1, 0, 0.5])
    share = 1 / (1 + np.exp(-2.4))
    assert np.allclose(ask("fair", verdict="logprob")(ASK), [share, 1 - share, 0.5], atol=1e-12)


def test_nothing_is_paid_for_twice(ask, endpoint):
    again = ask("once")
    assert np.array_equal(CallableJudge(again)([*ASK, *ASK]), [1, 0, 0.5] * 2)
    assert endpoint.told("once")["calls"] == again.calls == 6
    assert np.array_equal(CallableJudge(ask("once"))(ASK), [1, 0, 0.5])  # another object: from the file
    assert endpoint.told("once")["calls"] == 6
    assert again.store.spend() == (6, 300)
    ask("once", template="{a} [Response A]\n{a}\n\n[Response B]\n{b}\n\nWhich")(ASK)  # another question
    assert endpoint.told("once")["calls"] == 9
    ask("once")(ASK, draw=1)
    assert endpoint.told("once")["calls"] == 12


def test_a_judge_that_died_goes_on_where_it_stopped(ask, tmp_path):
    mortal = Endpoint()
    asked = [Comparison("q", "a" * n, "b") for n in range(2, 8)]
    with pytest.raises(
        NashsimError, match="gave up after 2 attempts; .* a resumed run asks for the others alone"
    ):
        ask("dies", url=mortal.url, retries=1)(asked)
    mortal.end()
    # The same address, as far as the file can tell: the key of a question has the server's name in it.
    with pytest.raises(NashsimError, match="base_url: nothing answers at http://127.0.0.1") as found:
        ask("dies", url=mortal.url)(asked)
    assert "\n" not in str(found.value)
    assert np.array_equal(ask("dies", url=mortal.url)(asked[:3]), [1, 1, 1])  # nobody is asked


@pytest.mark.parametrize("model", ["flaky", "cut-body", "html"])
def test_what_fails_at_first_is_asked_again(ask, endpoint, model):
    assert np.array_equal(ask(model)(ASK), [1, 0, 0.5])
    assert endpoint.told(model)["calls"] == 3 + {"flaky": 2}.get(model, 1)


def test_too_slow_an_answer_is_asked_for_again(ask, endpoint):
    assert np.array_equal(ask("slow", timeout=0.5)(ASK), [1, 0, 0.5])
    assert endpoint.told("slow")["calls"] == 4


def test_an_answer_that_comes_a_byte_at_a_time_is_too_slow_as_a_whole(ask):
    began = time.monotonic()
    with pytest.raises(NashsimError, match="gave up after 1 attempts; the last: no whole answer in 0.25 s"):
        ask("dripping", timeout=0.25, retries=0)(ASK[:1])
    assert time.monotonic() - began < 0.75  # all of it takes 0.8 s


def test_a_pause_of_no_seconds_is_not_one(ask, endpoint):
    began = time.monotonic()
    assert np.array_equal(ask("at-once", pause=0.05)(ASK), [1, 0, 0.5])
    # 0.05, 0.1 and 0.2 s, doubled as where the server asks for nothing.
    assert time.monotonic() - began >= 0.35 and endpoint.told("at-once")["calls"] == 6


def test_a_limit_of_the_server_pauses_every_request(ask, endpoint):
    began = time.monotonic()
    assert np.array_equal(ask("limited", concurrency=3)(ASK), [1, 0, 0.5])
    assert time.monotonic() - began >= 0.3 and endpoint.told("limited")["calls"] == 5


def test_requests_are_under_way_together(ask, endpoint):
    ask("busy", concurrency=4)([Comparison("q", "a" * n, "b") for n in range(2, 14)])
    assert 2 <= endpoint.told("busy")["most"] <= 4


@pytest.mark.parametrize(
    ("model", "options", "words"),
    [
        ("failing", {}, r"gave up after 4 attempts; the last: status 500 \(out of memory\); answers so far"),
        ("closed", {}, r"pause of 86400 s \(status 429 \(come back tomorrow\)\), and longest_pause is 600"),
        ("unknown", {}, r"refuses with status 404 \(no model of that name\); check base_url, model"),
        ("locked", {"key_env": "KEY_THAT_IS_NOT_SET"}, r"status 401 \(invalid key\).*KEY_THAT_IS_NOT_SET"),
        ("rambling", {}, "no verdict .* after 4 attempts: none of A, B, tie in 'Well, .*cut off at max_tokens"),
        ("empty", {}, "it has no choices"),
        ("fair", {"verdict": "logprob", "labels": ("yes", "no")}, "none of yes, no among its likeliest tokens 'a'"),
        ("uncounted", {"budget_tokens": 5}, "counts no tokens .usage.; set budget_calls"),
        ("miscounted", {"budget_tokens": 5}, "counts no tokens .usage.; set budget_calls"),
        ("fair", {"template": "{a} {b} {mood}"}, "{mood} is no column of the prompt's row; found prompt, a"),
    ],
)  # fmt: skip
def test_faults_are_one_line(ask, model, options, words):
    with pytest.raises(NashsimError, match=words) as found:
        CallableJudge(ask(model, **options), retries=0)(ASK)
    assert str(found.value).startswith("judge.openai") and "\n" not in str(found.value)


def test_a_key_comes_from_the_environment_and_goes_nowhere_else(ask, monkeypatch, tmp_path):
    monkeypatch.setenv("KEY_OF_THE_TEST", "secret-of-the-test")
    assert np.array_equal(ask("locked", key_env="KEY_OF_THE_TEST")(ASK), [1, 0, 0.5])
    assert b"secret-of-the-test" not in (tmp_path / "answers.sqlite").read_bytes()
    monkeypatch.delenv("KEY_OF_THE_TEST")
    with pytest.raises(NashsimError, match="the environment has no KEY_OF_THE_TEST; export it"):
        OpenAIOptions(model="m", key_env="KEY_OF_THE_TEST").key()


@pytest.mark.parametrize("key", ["secret-of-the-test\n", "secret of-the-test", "secret\u00e9"])
def test_a_key_that_no_header_takes_is_refused_and_not_shown(monkeypatch, key):
    monkeypatch.setenv("KEY_OF_THE_TEST", key)
    with pytest.raises(NashsimError, match="key_env: what KEY_OF_THE_TEST holds is no key") as found:
        OpenAIOptions(model="m", key_env="KEY_OF_THE_TEST").key()
    assert "secret" not in str(found.value)


def test_a_proxy_that_cannot_be_used_is_one_line(ask, monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "gopher://127.0.0.1:1")
    with pytest.raises(
        NashsimError, match="judge.openai: no request can be made under the environment's proxy"
    ):
        ask("fair")


def test_unreadable_replies_may_be_ties_that_are_counted(ask, endpoint):
    judge = ask("rambling", unreadable="tie", retries=0)
    assert np.array_equal(judge(ASK), [0.5] * 3) and judge.unreadable == 3
    again, calls = ask("rambling", unreadable="tie", retries=0), endpoint.told("rambling")["calls"]
    assert np.array_equal(again(ASK), [0.5] * 3) and again.unreadable == 3
    assert unreadable_text(CallableJudge(again)) == "judge: 3 replies had no verdict and count as ties"
    assert unreadable_text(CallableJudge(ask("fair"))) is None
    assert endpoint.told("rambling")["calls"] == calls
    # Ties that nobody said are none for who refuses them.
    with pytest.raises(NashsimError, match="no verdict"):
        ask("rambling", retries=0)(ASK)


def test_labels_in_another_order_are_another_question(ask):
    question = "[Response A]\n{a}\n\n[Response B]\n{b}\n\nWhich"  # does not name its labels
    assert np.array_equal(ask("fair", template=question)(ASK[:2]), [1, 0])
    assert np.array_equal(ask("fair", template=question, labels=("B", "A"))(ASK[:2]), [0, 1])


def test_a_budget_holds_over_runs(ask, endpoint):
    with pytest.raises(
        NashsimError, match="budget_calls: 2 of 2 are spent; raise it; answers so far are kept in"
    ):
        ask("thrifty", budget_calls=2)(ASK)
    assert endpoint.told("thrifty")["calls"] == 2
    with pytest.raises(NashsimError, match="budget_calls: 2 of 2"):
        ask("thrifty", budget_calls=2)(ASK)
    assert np.array_equal(ask("thrifty", budget_calls=3)(ASK), [1, 0, 0.5])
    assert endpoint.told("thrifty")["calls"] == 3
    with pytest.raises(NashsimError, match="budget_tokens: 150 of 100"):
        ask("thrifty", budget_tokens=100)([Comparison("p", "a", "b")])


def test_the_question_has_turns_columns_and_braces_of_responses():
    options = OpenAIOptions(model="m", system="Be just.", template="{prompt}|{a}|{b}|{answer}|{labels}")
    turns = (("user", "Hi"), ("assistant", "Yes?"))
    body = options.request(Comparison(turns, "{b}", "no", {"answer": 7}))
    said = "user: Hi\n\nassistant: Yes?|{b}|no|7|A, B or tie"
    assert body["messages"] == [{"role": "system", "content": "Be just."}, {"role": "user", "content": said}]
    extra = {"max_tokens": None, "max_completion_tokens": 5, "seed": 1}
    body = replace(options, extra=extra).request(Comparison("q", "a", "b", {"answer": 7}))
    assert "max_tokens" not in body and body["max_completion_tokens"] == 5 and body["seed"] == 1


def test_replies_of_other_forms_are_not_guessed_at():
    for reply in ({}, [], {"choices": [{"message": {"content": None}}]}, {"choices": [{"message": {}}]}):
        with pytest.raises(UnreadableReply):
            text_verdict(reply, ("A", "B"))
    said = {"choices": [{"message": {"content": "Response A is better than B"}}]}
    with pytest.raises(UnreadableReply, match="none of A, B in 'Response A is"):
        text_verdict(said, ("A", "B"))
    with pytest.raises(UnreadableReply, match="top_logprobs; set judge.openai.verdict: text"):
        logprob_verdict(said, ("A", "B"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"verdict": "dream"}, "verdict: text or logprob"),
        ({"labels": ("A",)}, "labels: those of the first"),
        ({"labels": ("A", "a")}, "labels: those of the first"),
        ({"template": "{a}"}, "found no {b}"),
        ({"base_url": "localhost"}, "base_url: http:// or https://"),
        ({"base_url": "http://:80/v1"}, "base_url: http:// or https:// with a server's name"),
        ({"base_url": "http://localhost:port/v1"}, "base_url: http:// or https:// with a server's name"),
        ({"temperature": -1.0}, "temperature: a number >= 0"),
        ({"concurrency": 0}, "concurrency: a number > 0"),
    ],
)
def test_options_that_do_not_hold_are_refused(options, words):
    with pytest.raises(NashsimError, match=words):
        OpenAIOptions(model="m", **options)


def test_answers_of_a_function_are_kept_on_disk_too(tmp_path):
    asked = []

    def function(batch):
        asked.extend(batch)
        return [len(c.a) / 10 for c in batch]

    for _ in range(2):
        kept = StoredFunction(function, AnswerStore(tmp_path / "deep" / "answers.sqlite"), "mine:function")
        assert np.array_equal(kept(ASK), [0.8, 0.1, 0.1])
    assert asked == ASK
    StoredFunction(function, AnswerStore(tmp_path / "deep" / "answers.sqlite"), "mine:other")(ASK[:1])
    assert len(asked) == 4
    (tmp_path / "broken").write_text("no database, but text that is long enough to look at" * 20)
    with pytest.raises(NashsimError, match="judge.cache_file: .* cannot be read or written"):
        StoredFunction(function, AnswerStore(tmp_path / "broken"), "mine:function")(ASK)
