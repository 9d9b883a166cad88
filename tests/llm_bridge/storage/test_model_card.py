"""The last model loads with ``from_pretrained`` and is what was trained."""

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from llm_bridge.policy import CausalPolicy
from llm_bridge.policy.sequences import Sequences
from llm_bridge.storage.model_card import model_card, save_final
from nashsim.errors import NashsimError
from tests.llm_bridge import models

CARD = model_card(
    name="m", rule="enpo", parameters={"alpha": 0.001}, tau=0.05, step="eta_I = 0.0075", base="tiny", data="p.jsonl",
    judge="class game", evaluation={"duality_gap": 0.0123}, departures=["best against worst"], versions={"x": "1"},
)  # fmt: skip


def batch():
    return Sequences.of([(1, 2)], [(3, 4, 0)])


def test_a_plain_model_comes_back(tmp_path):
    policy = models.policy("llama", pad=0)
    with torch.no_grad():
        next(policy.model.parameters()).add_(0.5)
    save_final(policy, tmp_path / "final", CARD)
    again = CausalPolicy(AutoModelForCausalLM.from_pretrained(tmp_path / "final"), eos=0, pad=0)
    assert torch.equal(policy.sequence_log_probs(batch()), again.sequence_log_probs(batch()))
    assert not list((tmp_path / "final").glob("*.bin"))


def test_an_adapter_comes_back_over_its_base(tmp_path):
    peft = pytest.importorskip("peft")
    models.policy("llama").model.save_pretrained(tmp_path / "base")
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "base")
    adapted = peft.get_peft_model(loaded, peft.LoraConfig(r=2, target_modules=["q_proj", "v_proj"]))
    policy = CausalPolicy(adapted, eos=0, pad=0)
    with torch.no_grad():
        for p in policy.parameters():
            p.add_(0.1)
    save_final(policy, tmp_path / "final", CARD)
    again = CausalPolicy(peft.AutoPeftModelForCausalLM.from_pretrained(tmp_path / "final"), eos=0, pad=0)
    assert torch.equal(policy.sequence_log_probs(batch()), again.sequence_log_probs(batch()))


def test_the_card_says_what_it_is():
    for said in ("enpo (alpha = 0.001)", "tau = 0.05", "eta_I = 0.0075", "p.jsonl", "class game", "0.0123",
                 "best against worst", "base_model: tiny", "x 1"):  # fmt: skip
        assert said in CARD


def test_the_card_and_the_tokenizer_lie_beside_the_weights(tmp_path):
    tokenizers = pytest.importorskip("tokenizers")
    from transformers import PreTrainedTokenizerFast

    words = tokenizers.Tokenizer(tokenizers.models.WordLevel({"<eos>": 0, "a": 1}, unk_token="<eos>"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, eos_token="<eos>", pad_token="<eos>")
    save_final(models.policy("llama", pad=0), tmp_path / "final", CARD, tokenizer=tokenizer)
    assert (tmp_path / "final" / "README.md").read_text() == CARD
    assert AutoTokenizer.from_pretrained(tmp_path / "final").eos_token_id == 0


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NashsimError, match="cannot be written"):
        save_final(models.policy("llama", pad=0), tmp_path / "file" / "final", CARD)
