"""Published reward models as judges: every reward that of a plain forward pass of one row, or one line of refusal."""

import numpy as np
import pytest
import torch
from tokenizers.processors import TemplateProcessing
from transformers import (
    AutoModelForSequenceClassification,
    BertConfig,
    GPT2Config,
    LlamaConfig,
)

from llm_bridge.judges import Comparison
from llm_bridge.models.tiny import byte_tokenizer
from llm_bridge.preference import Layout, RewardJudge
from nashsim.errors import NashsimError

TURNS = (("system", "be brief"), ("user", "why"), ("assistant", "light"), ("user", "more"))
SHARED = {"num_labels": 1, "initializer_range": 0.3, "vocab_size": 259}


def classifier(config):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return AutoModelForSequenceClassification.from_config(config).double().eval()


def llama(**options):
    sizes = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
    return classifier(LlamaConfig(**(SHARED | sizes | {"max_position_embeddings": 256} | options)))


def plain(model, **inputs):
    with torch.no_grad():
        return float(model(**{name: torch.tensor([row]) for name, row in inputs.items()}).logits[0, 0])


def win(first, second):
    return 1 / (1 + np.exp(second - first))


@pytest.mark.parametrize("pad", [None, 1])
@pytest.mark.parametrize("prompt", ["why is the sky blue", TURNS], ids=["text", "turns"])
def test_the_chat_template_gets_the_turns(prompt, pad):
    tokenizer, turns = byte_tokenizer(), TURNS if isinstance(prompt, tuple) else (("user", prompt),)
    said = [("it is", "no"), ("x", "yy"), ("aa", "bb")]

    def reward(y):
        written = [{"role": r, "content": c} for r, c in (*turns, ("assistant", y))]
        ids = tokenizer(tokenizer.apply_chat_template(written, tokenize=False), add_special_tokens=False)
        return plain(llama(), input_ids=ids["input_ids"])

    judge = RewardJudge.of_classifier(llama(pad_token_id=pad), tokenizer, batch=2)
    found = judge([Comparison(prompt, a, b) for a, b in said])
    # Batched float64 sums differ in their order alone.
    assert np.allclose(found, [win(reward(a), reward(b)) for a, b in said], atol=1e-12)


def test_without_a_template_texts_follow_each_other_and_turns_are_refused():
    tokenizer = byte_tokenizer()
    tokenizer.chat_template = None
    judge = RewardJudge.of_classifier(llama(), tokenizer)
    rewards = [plain(llama(), input_ids=tokenizer(f"why{y}")["input_ids"]) for y in ("a", "bc")]
    assert np.allclose(judge([Comparison("why", "a", "bc")]), win(*rewards), atol=1e-12)
    with pytest.raises(NashsimError, match="need a tokenizer with a chat template"):
        judge([Comparison(TURNS, "a", "b")])


def test_an_encoder_reads_two_segments():
    tokenizer = byte_tokenizer()
    tokenizer.chat_template = None
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<bos> $A <eos>",
        pair="<bos> $A <eos> $B:1 <eos>:1",
        special_tokens=[("<bos>", 2), ("<eos>", 0)],
    )
    sizes = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
    model = classifier(BertConfig(**SHARED, **sizes, max_position_embeddings=40))
    rewards = [plain(model, **tokenizer("why", y)) for y in ("a", "bc")]
    found = RewardJudge.of_classifier(model, tokenizer)([Comparison("why", "a", "bc")])
    assert np.allclose(found, win(*rewards), atol=1e-12)


def test_faults_are_one_line():
    tokenizer = byte_tokenizer()
    short = classifier(GPT2Config(**SHARED, n_embd=16, n_layer=1, n_head=2, n_positions=24))
    judge = RewardJudge.of_classifier(short, tokenizer)
    needed, context = judge.tokens_needed("q", 30)
    assert context == 24 and needed > 30
    with pytest.raises(NashsimError, match="exceed its context of 24"):
        judge([Comparison("q", "a" * 30, "b")])
    with pytest.raises(NashsimError, match="one output, found 3"):
        RewardJudge.of_classifier(llama(num_labels=3), tokenizer)


def test_a_preference_model_reads_turns_by_the_template():
    tokenizer = byte_tokenizer()
    layout = Layout.of_tokenizer(tokenizer)
    written = "".join(f"{r}: {c}\n" for r, c in TURNS) + "assistant: "
    assert layout.single(TURNS, "a", tokenizer) == layout.single(written, "a", tokenizer)
    tokenizer.chat_template = "<bos>" + tokenizer.chat_template
    assert layout.single(TURNS, "a", tokenizer) == layout.single(written, "a", tokenizer)
    tokenizer.chat_template = None
    with pytest.raises(NashsimError, match="need a tokenizer with a chat template"):
        layout.single(TURNS, "a", tokenizer)
