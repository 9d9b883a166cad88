"""Conversations and pairs in the forms that people have them in: read as they are meant, or refused by row."""

import json

import pytest

from llm_bridge.data import Encoder, Mark, Pair, load_marks, load_pairs, load_prompts, read_rows
from llm_bridge.data.pairs import cut_to_fit
from llm_bridge.data.turns import prompt_key, read_turns

from .test_data import refused, words, written

#: A template that knows no system turn, as Gemma's.
NO_SYSTEM = (
    "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{{ m.role }} : {{ m.content }} {% endfor %}{% if add_generation_prompt %}assistant :{% endif %}"
)
SAID = (("user", "say yes"), ("assistant", "no"), ("user", "please"))


@pytest.mark.parametrize(
    "turns",
    [
        [{"role": r, "content": c} for r, c in SAID],
        [{"from": "gpt" if r == "assistant" else "human", "value": c} for r, c in SAID],
        [{"role": r, "content": [{"type": "text", "text": c}]} for r, c in SAID],
        [
            {"role": r, "content": [{"type": "text", "text": c[:2]}, {"type": "text", "text": c[2:]}]}
            for r, c in SAID
        ],
    ],
    ids=["openai", "sharegpt", "parts", "several parts"],
)
def test_every_form_of_a_conversation_is_the_same_prompt(tmp_path, turns):
    file = written(tmp_path / "p.jsonl", [{"prompt": turns}])
    [prompt] = load_prompts(file, Encoder(words(chat=True), "chat"))
    assert prompt.ids == (7, 9, 3, 4, 8, 9, 5, 7, 9, 6, 8, 9) and prompt.text == SAID


def test_one_turn_alone_is_a_conversation_and_calls_of_tools_are_kept():
    assert prompt_key({"role": "user", "content": "q"}) == (("user", "q"),)
    call = {"role": "assistant", "content": None, "tool_calls": [{"name": "f"}]}
    assert read_turns([call], "row 1") == [{**call, "content": ""}]
    assert prompt_key([call]) == (("assistant", '[{"name": "f"}]'),)


@pytest.mark.parametrize(
    ("prompt", "match"),
    [
        ([{"role": "user", "content": None}], "row 2, prompt, turn 1, content: text is needed, found None"),
        (["say", "yes"], "row 2, prompt, turn 1: role and content"),
        (
            [{"role": "user", "content": [{"type": "image", "url": "x"}]}],
            "turn 1, content: every part must be text",
        ),
        ([{"role": r, "content": c} for r, c in SAID[:2]], "row 2, prompt: the last turn is the assistant's"),
        (7, "row 2, prompt: text or turns"),
        (
            [{"role": "system", "content": "please"}, {"role": "user", "content": "say"}],
            "row 2, .*System role not",
        ),
    ],
)
def test_what_is_no_prompt_is_refused_by_its_row(tmp_path, prompt, match):
    tokenizer = words()
    tokenizer.chat_template = NO_SYSTEM
    file = written(tmp_path / "p.jsonl", [{"prompt": "say"}, {"prompt": prompt}])
    refused(match, load_prompts, file, Encoder(tokenizer, "chat"))


def test_two_rows_with_one_prompt_keep_their_metadata(tmp_path):
    rows = [{"prompt": "say yes", "answer": a} for a in ("yes", "no")]
    prompts = load_prompts(written(tmp_path / "p.jsonl", rows), Encoder(words()))
    assert prompts[0].ids == prompts[1].ids == (3, 4)
    assert [prompts[p.ids.row].metadata["answer"] for p in prompts] == ["yes", "no"]


def test_json_is_a_list_of_rows_or_lines(tmp_path):
    rows = [{"prompt": "a"}, {"prompt": "b"}]
    (tmp_path / "list.json").write_text(json.dumps(rows, indent=1))
    written(tmp_path / "lines.json", rows)
    assert read_rows(tmp_path / "list.json").rows == read_rows(tmp_path / "lines.json").rows == rows
    (tmp_path / "bad.json").write_text("[1]")
    refused("entry 1 is no JSON object", read_rows, tmp_path / "bad.json")


def test_equal_responses_are_refused_halved_or_dropped(tmp_path):
    rows = [{"prompt": "q", "chosen": "a", "rejected": "b"}, {"prompt": "q", "chosen": "a", "rejected": "a"}]
    file = written(tmp_path / "d.jsonl", rows)
    refused("row 2: pair: equal responses .* equal: half", load_pairs, file)
    assert load_pairs(file, equal="half") == [Pair("q", "a", "b"), Pair("q", "a", "a", 0.5)]
    assert load_pairs(file, equal="drop") == [Pair("q", "a", "b")]
    refused("nothing is left", load_pairs, written(file, rows[1:]), equal="drop")


def test_words_scores_and_margins_say_which_is_better(tmp_path):
    sides = {"prompt": "q", "first": "a", "second": "b"}
    names = {"first": "first", "second": "second"}

    def odds(values, **options):
        file = written(tmp_path / "d.jsonl", [sides | value for value in values])
        return [pair.probability for pair in load_pairs(file, **names, **options)]

    said = ("model_a", "second", "tie", 0.25, "0.75")
    assert odds([{"w": w} for w in said], probability="w") == [1, 0, 0.5, 0.25, 0.75]
    refused("row 1, w: a number in .0, 1., or one of a, model_a", odds, [{"w": "?"}], probability="w")
    scored = [{"s": 3.0, "t": 1.0}, {"s": 2.0, "t": 2.0}]
    # 1/(1 + exp(-(3 - 1)/2)), and a tie
    assert odds(scored, scores=("s", "t"), scale=2.0) == [pytest.approx(1 / (1 + 2.718281828459045**-1)), 0.5]
    assert odds([{"m": 2.0}, {"m": 0.0}], scores=["m"], scale=2.0) == odds(
        scored, scores=("s", "t"), scale=2.0
    )
    refused("give one", odds, scored, scores=["s"], probability="t")


def test_conversations_of_pairs(tmp_path):
    def sharegpt(*said):
        return [{"from": "gpt" if i % 2 else "human", "value": c} for i, c in enumerate(said)]

    def pairs(**row):
        return load_pairs(written(tmp_path / "d.jsonl", [row]))

    assert pairs(chosen=sharegpt("q", "a"), rejected=sharegpt("q", "b")) == [Pair((("user", "q"),), "a", "b")]
    assert pairs(prompt="q", chosen=sharegpt("q", "a"), rejected=sharegpt("q", "b")) == [Pair("q", "a", "b")]
    # The column holds the last question alone: the whole conversation is the prompt.
    longer = (("user", "p"), ("assistant", "o"), ("user", "q"))
    found = pairs(prompt="q", chosen=sharegpt("p", "o", "q", "a"), rejected=sharegpt("p", "o", "q", "b"))
    assert found == [Pair(longer, "a", "b")]
    texts = {
        side: f"\n\nHuman: p\n\nAssistant: o\n\nHuman: q\n\nAssistant: {y}"
        for side, y in (("chosen", "a"), ("rejected", "b"))
    }
    assert pairs(**texts) == [Pair(longer, "a", "b")]
    alone = [{"role": "assistant", "content": c} for c in "ab"]
    assert pairs(prompt="q", chosen=alone[:1], rejected=alone[1:]) == [Pair("q", "a", "b")]
    refused(
        "row 1, prompt: the turns before",
        pairs,
        prompt="r",
        chosen=sharegpt("q", "a"),
        rejected=sharegpt("q", "b"),
    )
    refused("row 1, chosen: .*found 'user'", pairs, prompt="q", chosen=sharegpt("q"), rejected=sharegpt("q"))
    refused("marks train kto", pairs, prompt="q", completion="a", label=True)


def test_marks(tmp_path):
    rows = [{"prompt": "q", "completion": "a", "label": mark} for mark in (True, "false", 0.25)]
    file = written(tmp_path / "m.jsonl", rows)
    assert load_marks(file) == [Mark("q", "a", p) for p in (1.0, 0.0, 0.25)]
    refused("row 1, label: true, false or", load_marks, written(file, [rows[0] | {"label": -1}]))


@pytest.mark.parametrize("room", range(4, 20))
def test_what_is_cut_fits_and_nothing_else_is_cut(room):
    prompt, a, b = tuple(range(8)), tuple(range(10, 15)), (20, 21)
    x, (c, d) = cut_to_fit(prompt, [a, b], room, joint=True)
    # An odd token is left over where both responses are cut, equally.
    both = len(c) < len(a) and len(d) < len(b)
    assert len(x) + len(c) + len(d) == min(room, 15) - (both and (room - len(x)) % 2)
    assert x == prompt[len(prompt) - len(x) :] and c == a[: len(c)] and d == b[: len(d)]
    assert len(x) >= min(8, room // 2)
    x, (c, d) = cut_to_fit(prompt, [a, b], room)
    assert len(x) + max(len(c), len(d)) == min(room, 13)
