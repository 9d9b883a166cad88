"""Prompts, pairs and teachers read from every format, and every fault in one clear line."""

import json
import sys

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import PreTrainedTokenizerFast

from llm_bridge.data import Encoder, Pair, load_pairs, load_prompts, load_teacher, read_rows
from llm_bridge.models.tiny import byte_tokenizer
from nashsim.errors import NashsimError

WORDS = ("<eos>", "<bos>", "<pad>", "say", "yes", "no", "please", "user", "assistant", ":", ",")
CHAT = (
    "{% for m in messages %}{{ m.role }} : {{ m.content }} {% endfor %}"
    "{% if add_generation_prompt %}assistant :{% endif %}"
)


def words(pad=True, chat=False, **more):
    inner = Tokenizer(WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="<eos>"))
    inner.pre_tokenizer = Whitespace()
    made = PreTrainedTokenizerFast(
        tokenizer_object=inner, eos_token="<eos>", pad_token="<pad>" if pad else None, **more
    )
    made.chat_template = CHAT if chat else None
    return made


def written(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def refused(match, call, *args, **kwargs):
    with pytest.raises(NashsimError, match=match) as caught:
        call(*args, **kwargs)
    assert "\n" not in str(caught.value)


ROWS = [{"prompt": "say yes", "topic": "a"}, {"prompt": "say no, please", "topic": "b"}]


def test_every_format_holds_the_same_prompts(tmp_path):
    import pandas as pd

    frame = pd.DataFrame(ROWS)
    frame.to_csv(tmp_path / "p.csv", index=False)
    frame.to_parquet(tmp_path / "p.parquet")
    written(tmp_path / "p.jsonl", ROWS)
    (tmp_path / "p.txt").write_text("say yes\n\nsay no, please\n")
    encoder = Encoder(words())
    expected = [(3, 4), (3, 5, 10, 6)]
    for name in ("p.csv", "p.parquet", "p.jsonl", "p.txt"):
        prompts = load_prompts(tmp_path / name, encoder)
        assert [p.ids for p in prompts] == expected, name
        assert [p.metadata.get("topic") for p in prompts] == ([None, None] if name == "p.txt" else ["a", "b"])
    assert len(load_prompts(tmp_path / "p.csv", encoder, limit=1)) == 1


def test_chat_template_ends_where_the_assistant_begins(tmp_path):
    file = written(tmp_path / "p.jsonl", [{"prompt": "say yes"}])
    [prompt] = load_prompts(file, Encoder(words(chat=True), "chat"))
    assert prompt.ids == (7, 9, 3, 4, 8, 9)
    turns = [
        {"role": r, "content": c} for r, c in (("user", "say yes"), ("assistant", "no"), ("user", "please"))
    ]
    assert Encoder(words(chat=True), "chat").prompt(turns) == (7, 9, 3, 4, 8, 9, 5, 7, 9, 6, 8, 9)
    refused("need template: chat", Encoder(words()).prompt, turns)


def test_responses_end_with_eos():
    encoder = Encoder(words())
    assert encoder.encode_response("yes please") == (4, 6, 0)
    assert encoder.decode((4, 6, 0)) == "yes please"


def test_faults_of_files(tmp_path):
    file = written(tmp_path / "prompts.jsonl", ROWS)
    encoder = Encoder(words())
    refused("no such file; did you mean '.*prompts.jsonl'", read_rows, tmp_path / "promts.jsonl")
    refused("no such file; the folder", read_rows, tmp_path / "absent" / "p.jsonl")
    refused("did you mean 'prompt'", load_prompts, file, encoder, column="promt")
    (tmp_path / "empty.jsonl").write_text("")
    refused("empty", read_rows, tmp_path / "empty.jsonl")
    (tmp_path / "bad.jsonl").write_text('{"prompt": "x"}\n{"prompt": ')
    refused("line 2 is no JSON", read_rows, tmp_path / "bad.jsonl")
    (tmp_path / "bad.csv").write_text("prompt\nsay yes, no\n")
    refused("row 1 has more fields", read_rows, tmp_path / "bad.csv")
    (tmp_path / "bad.parquet").write_text("PAR0")
    refused("cannot be read", read_rows, tmp_path / "bad.parquet")
    (tmp_path / "p.xml").write_text("x")
    refused("ends in .jsonl, .json, .csv", read_rows, tmp_path / "p.xml")
    written(tmp_path / "hole.jsonl", [{"prompt": "say"}, {"other": 1}])
    refused("row 2 has no 'prompt'", load_prompts, tmp_path / "hole.jsonl", encoder)


def test_datasets_missing_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    refused("pip install datasets", read_rows, "someone/prompts")


def test_datasets_by_name_folder_and_split(monkeypatch, tmp_path):
    class DatasetDict(dict):
        pass

    class Rows(list):
        def to_list(self):
            return list(self)

    class Library:
        def load_dataset(self, source, split):
            if source != "someone/prompts":
                raise RuntimeError("not\nfound")
            return Rows(ROWS) if split == "train" else Rows()

        def load_from_disk(self, source):
            return DatasetDict(train=Rows(ROWS))

    Library.DatasetDict = DatasetDict
    monkeypatch.setitem(sys.modules, "datasets", Library())
    assert read_rows("someone/prompts").rows == ROWS
    refused("neither a file nor a dataset that can be loaded: not found", read_rows, "someone/else")
    (tmp_path / "dataset_dict.json").write_text("{}")
    assert read_rows(tmp_path).rows == ROWS
    refused("no split 'test' \\(splits: train\\)", read_rows, tmp_path, split="test")


def test_prompt_longer_than_the_context(tmp_path):
    file = written(tmp_path / "p.jsonl", ROWS)
    short = Encoder(words(), context=6, response=3)
    refused("row 2, prompt: 4 tokens, and the context of 6 leaves 3", load_prompts, file, short)
    assert [p.ids for p in load_prompts(file, short, too_long="drop")] == [(3, 4)]
    refused(
        "every prompt was dropped",
        load_prompts,
        file,
        Encoder(words(), context=2, response=1),
        too_long="drop",
    )
    refused("leave no room", Encoder, words(), context=3, response=3)
    assert Encoder(words(model_max_length=5)).context == 5


def test_pad_is_never_made_up_silently():
    refused("no pad token; set model.pad: eos", Encoder, words(pad=False))
    assert Encoder(words(pad=False), pad="eos").pad == 0
    assert Encoder(words(pad=False), pad="<bos>").pad == 1
    refused("no token of the vocabulary", Encoder, words(), pad="<none>")
    refused("no chat template", Encoder, words(), "chat")
    refused("did you mean 'chat'", Encoder, words(), "chatt")


def test_pairs_chosen_first(tmp_path):
    file = written(tmp_path / "d.jsonl", [{"prompt": "q", "chosen": "yes", "rejected": "no"}])
    assert load_pairs(file) == [Pair("q", "yes", "no", 1.0)]
    refused("did you mean 'rejected'", load_pairs, file, second="rejcted")


def test_pairs_with_probabilities_are_of_the_first(tmp_path):
    rows = [{"prompt": "q", "first": "a", "second": "b", "p": 0.3}]
    file = written(tmp_path / "d.jsonl", rows)
    assert load_pairs(file, first="first", second="second", probability="p") == [Pair("q", "a", "b", 0.3)]
    written(file, [*rows, rows[0] | {"p": 1.2}])
    refused(
        r"row 2: probability: .*found 1.2", load_pairs, file, first="first", second="second", probability="p"
    )
    written(file, [rows[0] | {"second": "a"}])
    refused("row 1: pair: equal", load_pairs, file, first="first", second="second", probability="p")


def test_conversations_hold_their_prompt(tmp_path):
    def turns(*said):
        return [{"role": "user" if i % 2 == 0 else "assistant", "content": c} for i, c in enumerate(said)]

    file = written(tmp_path / "d.jsonl", [{"chosen": turns("q", "yes"), "rejected": turns("q", "no")}])
    assert load_pairs(file) == [Pair((("user", "q"),), "yes", "no", 1.0)]
    written(file, [{"chosen": turns("q", "yes"), "rejected": turns("r", "no")}])
    refused("row 1: chosen and rejected answer different", load_pairs, file)


def test_teacher_joins(tmp_path):
    file = written(tmp_path / "t.jsonl", [{"prompt": "q", "response": "gold"}])
    teacher = load_teacher(file)
    assert teacher.joined(["q"], [["a", "b"]]) == [["a", "b", "gold"]]
    refused("no response to 'r'", teacher, "r")
    written(file, [{"prompt": "q", "response": "gold"}, {"prompt": "q", "response": "brass"}])
    refused("row 2 answers a prompt again", load_teacher, file)


def test_every_end_ends_a_response_and_the_one_of_the_template_is_written():
    tokenizer = byte_tokenizer()
    tokenizer.add_special_tokens({"additional_special_tokens": ["<end>"]})
    tokenizer.add_tokens(["<stop>"])  # no special token: decoding would show it
    end, stop = tokenizer.convert_tokens_to_ids(["<end>", "<stop>"])
    tokenizer.chat_template = "{% for t in messages %}{{ t['role'] }}: {{ t['content'] }}<end>\n{% endfor %}"
    encoder = Encoder(tokenizer, "chat", ends=("<stop>",))
    assert encoder.ends == (tokenizer.eos_token_id, stop)
    encoder.add_ends([tokenizer.eos_token_id, end])
    assert encoder.ends == (end, tokenizer.eos_token_id, stop) and encoder.eos == end
    words = tuple(tokenizer("words", add_special_tokens=False)["input_ids"])
    assert encoder.encode_response("words") == (*words, end)
    for last in encoder.ends:
        assert encoder.decode((*words, last)) == "words"
    # Without a model that ends with it, what the template writes is no end.
    plain = Encoder(tokenizer, "chat")
    plain.add_ends([tokenizer.eos_token_id])
    assert plain.eos == tokenizer.eos_token_id and plain.ends == (plain.eos,)
    with pytest.raises(NashsimError, match=r"model\.eos: '<none>' is no token"):
        Encoder(tokenizer, ends=("<none>",))
