"""Models as people have them: wrappers, tokenizers that outgrew them, generation settings, mixtures in float64."""

import json
import subprocess
import sys

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    LlamaForCausalLM,
    MixtralConfig,
)  # fmt: skip

from llm_bridge.models.adapters import with_adapters
from llm_bridge.models.loading import check_ids, load_language_model, load_tokenizer
from llm_bridge.models.tiny import byte_tokenizer, save_tiny
from llm_bridge.policy import CausalPolicy
from llm_bridge.policy.sequences import Sequences
from llm_bridge.storage.model_card import save_final
from llm_bridge.training.optimisation import make_optimiser
from llm_bridge.training.settings import Settings
from nashsim.errors import NashsimError

X, Y = (5, 6, 7, 8), (20, 21, 22, 0)


def plain(model, dtype=torch.float64):
    with torch.no_grad():
        table = model.eval().to(dtype)(input_ids=torch.tensor([X + Y])).logits.log_softmax(-1)[0]
    return sum(table[len(X) - 1 + t, y] for t, y in enumerate(Y)).item()


def told(policy):
    with torch.no_grad():
        return policy.sequence_log_probs(Sequences.of([X], [Y])).item()


@pytest.mark.parametrize("rank", [0, 2])
def test_a_multimodal_wrapper_is_its_text_model(tmp_path, rank):
    text = {
        "vocab_size": 40, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "head_dim": 8,
        "num_attention_heads": 2, "num_key_value_heads": 1, "sliding_window": 3, "initializer_range": 0.3,
    }  # fmt: skip
    seen = {
        "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "image_size": 16,
        "patch_size": 8,
    }  # fmt: skip
    torch.manual_seed(0)
    whole = Gemma3ForConditionalGeneration(
        Gemma3Config(
            text_config=text, vision_config=seen, mm_tokens_per_image=4, eos_token_id=0, pad_token_id=1
        )
    )
    whole.save_pretrained(tmp_path / "whole")
    model = load_language_model(str(tmp_path / "whole"), dtype=torch.float64)
    policy = CausalPolicy(with_adapters(model, rank) if rank else model, eos=0, pad=1)
    assert told(policy) == pytest.approx(plain(whole), rel=1e-12)
    with torch.no_grad():
        for weight in policy.parameters():
            weight += 0.1
    save_final(policy, tmp_path / "final", "")
    final = AutoModelForCausalLM.from_pretrained(tmp_path / "final")
    assert plain(final) == pytest.approx(told(policy), rel=1e-6) != pytest.approx(plain(whole), rel=1e-3)


def test_mixtures_of_experts_in_float64():
    config = MixtralConfig(
        vocab_size=40, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, num_local_experts=4, num_experts_per_tok=2, bos_token_id=1, eos_token_id=0,
    )  # fmt: skip
    policy = CausalPolicy.from_config(config, dtype=torch.float64, pad=1)
    found = told(policy)
    # In float32 a sum of 4 numbers of size 4 is off by some 1e-6.
    assert found == pytest.approx(plain(policy.model, torch.float32), rel=1e-5)


def test_tokens_without_an_embedding_are_refused(tmp_path):
    tokenizer = save_tiny(tmp_path / "model")
    name, count = str(tmp_path / "model"), len(tokenizer)
    check_ids(name, [[count - 1], []], tokenizer)
    tokenizer.add_special_tokens({"pad_token": "[PAD]"})
    with pytest.raises(
        NashsimError, match=rf"token '\[PAD\]' has id {count}, and '.*' {count} embeddings.*eos"
    ):
        check_ids(name, [[1, tokenizer.pad_token_id]], tokenizer)


@pytest.mark.parametrize("more", [{}, {"do_sample": False}])
def test_settings_of_generation_that_transformers_calls_invalid(tmp_path, more):
    """As published models ship them: a temperature where nothing is sampled."""
    save_tiny(tmp_path / "model")
    told_to = {"temperature": 0.9, "top_p": 0.6, **more}
    (tmp_path / "model" / "generation_config.json").write_text(json.dumps(told_to))
    policy = CausalPolicy(load_language_model(str(tmp_path / "model")))
    save_final(policy, tmp_path / "final", "", tokenizer=load_tokenizer(str(tmp_path / "model")))
    final = AutoModelForCausalLM.from_pretrained(tmp_path / "final")
    assert isinstance(final, LlamaForCausalLM) and plain(final) == pytest.approx(told(policy), rel=1e-6)


def test_a_model_of_which_nothing_trains_is_refused():
    with pytest.raises(
        NashsimError, match="none of its parameters trains; load an adapter with is_trainable"
    ):
        make_optimiser([], Settings())


def test_an_unknown_wrapper_and_a_missing_model_are_refused(tmp_path):
    with pytest.raises(NashsimError, match="does not load"):
        check_ids(str(tmp_path), [], byte_tokenizer())


def test_without_torch_the_command_says_what_to_install():
    code = "import sys; sys.modules['torch'] = None; from llm_bridge.cli import call; raise SystemExit(call(['demo']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "llm-bridge: torch is not installed; pip install 'nashsim[llm]'\n"
