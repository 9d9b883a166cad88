"""GGUF files of a tiny Llama, as llama.cpp's converter writes them."""

import numpy as np

from llm_bridge.models.tiny import CHAT, tiny_llama

#: Names in llama.cpp by those in transformers, of a block and of the rest.
BLOCK = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
}  # fmt: skip
REST = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}


def name_of(parameter: str) -> str:
    """Return the name of a parameter in llama.cpp."""
    stem = parameter.removesuffix(".weight")
    if stem in REST:
        return f"{REST[stem]}.weight"
    _, _, block, rest = stem.split(".", 3)
    return f"blk.{block}.{BLOCK[rest]}.weight"


def rotated(weight: np.ndarray, heads: int) -> np.ndarray:
    """Return rows of queries or keys as llama.cpp has them: pairs of a rotation side by side, not half a head apart."""
    rows, width = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, width).swapaxes(1, 2).reshape(rows, width)


def spaced_tokenizer():
    """Return a tokenizer of bytes with one merge, that of two spaces."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = ["<eos>", "<pad>", "<bos>", *sorted(pre_tokenizers.ByteLevel.alphabet()), "ĠĠ"]
    made = Tokenizer(models.BPE({word: i for i, word in enumerate(words)}, [("Ġ", "Ġ")]))
    special = {"eos_token": "<eos>", "pad_token": "<pad>", "bos_token": "<bos>"}
    return PreTrainedTokenizerFast(tokenizer_object=made, chat_template=CHAT, **special)


def write_gguf(path, *, pre="smollm", kind="F32", architecture="llama", seed=0):
    """Write a tiny model with its tokenizer; return the model with the numbers that the file stands for."""
    import gguf
    import torch

    tokenizer = spaced_tokenizer()
    model = tiny_llama(tokenizer, seed=seed).eval()
    config, writer = model.config, gguf.GGUFWriter(str(path), architecture)
    writer.add_name("tiny")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(len(tokenizer))
    words = sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().get)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(words)
    writer.add_token_types([3 if word in tokenizer.all_special_tokens else 1 for word in words])
    writer.add_token_merges(["Ġ Ġ"])
    writer.add_eos_token_id(tokenizer.eos_token_id)
    writer.add_pad_token_id(tokenizer.pad_token_id)
    writer.add_bos_token_id(tokenizer.bos_token_id)
    writer.add_add_bos_token(False)
    writer.add_chat_template(tokenizer.chat_template)
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    wanted = gguf.GGMLQuantizationType[kind]
    for name, weight in model.named_parameters():
        values = weight.detach().numpy()
        part = name.split(".")[-2]
        stored = rotated(values, heads[part]) if part in heads else values
        if values.ndim < 2 or kind == "F32":
            writer.add_tensor(name_of(name), stored)
            continue
        packed = gguf.quantize(stored, wanted)
        writer.add_tensor(name_of(name), packed, raw_dtype=wanted)
        # A block lies within a row, so that rows may be put in another order before or after.
        with torch.no_grad():
            weight.copy_(torch.from_numpy(gguf.dequantize(gguf.quantize(values, wanted), wanted)))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return model
