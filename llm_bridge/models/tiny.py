"""A tokenizer of bytes and a Llama of random weights: for dry runs and tests, without a file or the network."""

from __future__ import annotations

import torch

CHAT = "{% for turn in messages %}{{ turn['role'] }}: {{ turn['content'] }}\n{% endfor %}assistant: "


def byte_tokenizer():
    """Return a tokenizer of bytes with a chat template; every text has ids."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = {"<eos>": 0, "<pad>": 1, "<bos>": 2} | {letter: i + 3 for i, letter in enumerate(letters)}
    made = Tokenizer(models.BPE(words, []))
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    special = {"eos_token": "<eos>", "pad_token": "<pad>", "bos_token": "<bos>"}
    return PreTrainedTokenizerFast(tokenizer_object=made, chat_template=CHAT, **special)


def tiny_llama(tokenizer, *, width: int = 32, layers: int = 2, context: int = 4096, seed: int = 0):
    """Return a Llama of random weights for a tokenizer; torch's own stream is left as it was.

    Parameters
    ----------
    tokenizer : transformers.PreTrainedTokenizerBase
        Tokenizer whose vocabulary and special tokens the model has.
    width, layers : int
        Size of the hidden states, and number of layers.
    context : int
        Most tokens of a sequence.
    seed : int
        Seed of the weights.
    """
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=layers,
        num_attention_heads=2,
        max_position_embeddings=context,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LlamaForCausalLM(config)


def save_tiny(folder, tokenizer=None, **options):
    """Write a tiny model with its tokenizer to a folder that ``from_pretrained`` loads; return the tokenizer.

    Parameters
    ----------
    folder : str or Path
        Folder for the model.
    tokenizer : transformers.PreTrainedTokenizerBase or None
        Tokenizer of the model; ``None`` is that of bytes.
    **options
        Further arguments of :func:`tiny_llama`.
    """
    tokenizer = tokenizer or byte_tokenizer()
    tiny_llama(tokenizer, **options).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return tokenizer
