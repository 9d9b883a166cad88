"""Tiny random models of real architectures: the table that every check of models is held on."""

import torch
import transformers as hf

VOCABULARY = 40
SHAPE = {
    "vocab_size": VOCABULARY, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 256, "initializer_range": 0.25,
    "bos_token_id": 2, "eos_token_id": 1, "pad_token_id": 0,
}  # fmt: skip
GPT = {
    "vocab_size": VOCABULARY, "n_embd": 32, "n_layer": 3, "n_head": 4, "n_positions": 256, "initializer_range": 0.25,
    "bos_token_id": 2, "eos_token_id": 1,
}  # fmt: skip
#: Names of ``SHAPE`` that every architecture knows, for those that have their own for the rest.
SMALL = {key: SHAPE[key] for key in ("vocab_size", "hidden_size", "bos_token_id", "eos_token_id")}
#: A window of six tokens, shorter than most rows of a check.
WINDOW = {"sliding_window": 6, "num_hidden_layers": 4}
GEMMA = {"head_dim": 8, "query_pre_attn_scalar": 8, "sliding_window": 6}
EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 24}
LINEAR = {
    "head_dim": 8, "linear_num_key_heads": 2, "linear_num_value_heads": 2, "linear_key_head_dim": 8,
    "linear_value_head_dim": 8, "linear_conv_kernel_dim": 3,
    "layer_types": ["linear_attention", "full_attention", "linear_attention"],
}  # fmt: skip
MAMBA2 = {
    "mamba_n_heads": 4, "mamba_d_head": 16, "mamba_d_state": 8, "mamba_n_groups": 1, "mamba_d_conv": 3,
    "mamba_chunk_size": 8,
}  # fmt: skip
#: Positions that change for all rows of a batch once its longest has more than 16 tokens.
LONGROPE = {
    "rope_type": "longrope", "rope_theta": 1e4, "short_factor": [1.0] * 4, "long_factor": [1.5, 2.0, 3.0, 6.0],
    "original_max_position_embeddings": 16,
}  # fmt: skip
DYNAMIC = {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 4.0}
LLAMA3 = {
    "rope_type": "llama3", "rope_theta": 1e4, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}  # fmt: skip
DEFAULT = {"rope_type": "default", "rope_theta": 1e4}


def _shaped(name, **own):
    return lambda: getattr(hf, f"{name}Config")(**{**SHAPE, **own})


def _without(name, *left_out, **own):
    return lambda: getattr(hf, f"{name}Config")(
        **{k: v for k, v in SHAPE.items() if k not in left_out}, **own
    )


def _gpt(name, **own):
    return lambda: getattr(hf, f"{name}Config")(**{**GPT, **own})


def _small(name, **own):
    return lambda: getattr(hf, f"{name}Config")(**{**SMALL, **own})


#: Architecture to a function that makes its configuration.
CONFIGS = {
    "bamba": _shaped("Bamba", attn_layer_indices=[1], mamba_expand=2, **MAMBA2),
    "biogpt": _small(
        "BioGpt", intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, initializer_range=0.25
    ),
    "bloom": _small("Bloom", n_layer=2, n_head=4, pad_token_id=0),
    "cohere": _shaped("Cohere", logit_scale=0.0625),
    "cohere2": _shaped("Cohere2", **WINDOW),
    "deepseek_v3": _shaped(
        "DeepseekV3", num_key_value_heads=4, n_routed_experts=4, num_experts_per_tok=2, moe_intermediate_size=24,
        n_group=2, topk_group=1, q_lora_rank=16, kv_lora_rank=16, qk_rope_head_dim=8, qk_nope_head_dim=8, v_head_dim=8,
        first_k_dense_replace=1, n_shared_experts=1,
    ),
    "exaone4": _shaped("Exaone4", **WINDOW),
    "falcon": _small("Falcon", num_hidden_layers=3, num_attention_heads=4, initializer_range=0.25, alibi=False),
    "falcon-alibi": _small("Falcon", num_hidden_layers=3, num_attention_heads=4, initializer_range=0.25, alibi=True),
    "falcon_h1": _shaped("FalconH1", mamba_d_ssm=64, **MAMBA2),
    "gemma2": _shaped("Gemma2", **GEMMA, num_hidden_layers=4),
    "gemma3": _shaped("Gemma3Text", **GEMMA, num_hidden_layers=6),
    "gpt2": _gpt("GPT2"),
    "gpt_bigcode": _gpt("GPTBigCode"),
    "gpt_neo": _small(
        "GPTNeo", num_layers=4, num_heads=4, max_position_embeddings=256, window_size=6, initializer_range=0.25,
        attention_types=[[["global", "local"], 2]],
    ),
    "gpt_neox": _without("GPTNeoX", "num_key_value_heads", rotary_pct=0.5),
    "gpt_oss": _shaped(
        "GptOss", head_dim=8, num_local_experts=4, num_experts_per_tok=2, rope_parameters=DEFAULT, **WINDOW
    ),
    "gptj": _gpt("GPTJ", rotary_dim=4),
    "granite": _shaped("Granite", logits_scaling=8.0),
    "granitemoehybrid": _shaped(
        "GraniteMoeHybrid", layer_types=["mamba", "attention", "mamba"], mamba_expand=2, num_local_experts=0,
        shared_intermediate_size=48, **MAMBA2,
    ),
    "jamba": _shaped(
        "Jamba", num_experts=2, num_experts_per_tok=1, attn_layer_period=2, attn_layer_offset=1, expert_layer_period=2,
        expert_layer_offset=1, mamba_d_state=4, mamba_d_conv=3, mamba_expand=2, use_mamba_kernels=False,
        num_hidden_layers=4,
    ),
    "lfm2": _shaped("Lfm2", layer_types=["conv", "full_attention", "conv"], conv_L_cache=3, block_multiple_of=8),
    "lfm2_moe": _shaped(
        "Lfm2Moe", layer_types=["conv", "full_attention", "conv"], conv_L_cache=3, num_dense_layers=1, **EXPERTS
    ),
    "llama": _shaped("Llama"),
    "llama-dynamic": _shaped("Llama", max_position_embeddings=16, rope_parameters=DYNAMIC),
    "llama-llama3": _shaped("Llama", rope_parameters=LLAMA3),
    "mamba": _small("Mamba", num_hidden_layers=2, state_size=4, pad_token_id=0),
    "minimax": _shaped(
        "MiniMax", head_dim=8, num_local_experts=2, num_experts_per_tok=1, block_size=4,
        layer_types=LINEAR["layer_types"],
    ),
    "mistral": _shaped("Mistral", sliding_window=6),
    "mixtral": _shaped("Mixtral", num_local_experts=4, num_experts_per_tok=2, sliding_window=None),
    "modernbert-decoder": _without(
        "ModernBertDecoder", "num_key_value_heads", local_attention=6, cls_token_id=2, sep_token_id=1
    ),
    "nemotron_h": _shaped(
        "NemotronH", layers_block_type=["mamba", "attention", "mlp"], head_dim=8, mamba_num_heads=4, mamba_head_dim=16,
        ssm_state_size=8, n_groups=1, conv_kernel=3, chunk_size=8,
    ),
    "olmo2": _shaped("Olmo2"),
    "olmo_hybrid": _shaped("OlmoHybrid", **{k: v for k, v in LINEAR.items() if k != "head_dim"}),
    "openai-gpt": lambda: hf.OpenAIGPTConfig(
        vocab_size=VOCABULARY, n_embd=32, n_layer=2, n_head=4, n_positions=256, initializer_range=0.25, eos_token_id=1
    ),
    "opt": _small(
        "OPT", ffn_dim=48, num_hidden_layers=3, num_attention_heads=4, max_position_embeddings=256, init_std=0.25,
        word_embed_proj_dim=32, pad_token_id=0,
    ),
    "phi": _shaped("Phi"),
    "phi3": _shaped("Phi3", sliding_window=6),
    "phi3-longrope": _shaped("Phi3", original_max_position_embeddings=16, rope_parameters=LONGROPE),
    "qwen2": _shaped("Qwen2", tie_word_embeddings=True),
    "qwen3": _shaped("Qwen3", head_dim=8),
    "qwen3_5": _shaped("Qwen3_5Text", **LINEAR),
    "qwen3_moe": _shaped("Qwen3Moe", head_dim=8, decoder_sparse_step=1, norm_topk_prob=True, **EXPERTS),
    "qwen3_next": _shaped("Qwen3Next", shared_expert_intermediate_size=24, **EXPERTS, **LINEAR),
    "recurrent_gemma": _shaped(
        "RecurrentGemma", lru_width=32, attention_window_size=6, head_dim=8,
        block_types=["recurrent", "recurrent", "attention"],
    ),
    "smollm3": _shaped("SmolLM3"),
    "stablelm": _shaped("StableLm"),
    "starcoder2": _shaped("Starcoder2", sliding_window=6),
    "xglm": lambda: hf.XGLMConfig(
        vocab_size=VOCABULARY, d_model=32, ffn_dim=48, num_layers=2, attention_heads=4, max_position_embeddings=256,
        init_std=0.25, bos_token_id=2, eos_token_id=1, pad_token_id=0,
    ),
    "zamba2": _shaped(
        "Zamba2", num_key_value_heads=4, layers_block_type=["mamba", "hybrid", "mamba"], mamba_d_state=8,
        mamba_d_conv=3, mamba_expand=2, mamba_ngroups=1, n_mamba_heads=4, mamba_headdim=16, chunk_size=8,
        num_mem_blocks=1, use_mem_rope=True, adapter_rank=4, use_mamba_kernels=False,
    ),
}  # fmt: skip
#: Those that decode without a cache, since transformers has none that continues their forward.
CACHELESS = {"bloom", "mamba", "minimax", "nemotron_h", "openai-gpt", "recurrent_gemma", "zamba2"}
#: Those that one compiled step over a cache of fixed shapes does not decode.
UNCOMPILED = CACHELESS | {"falcon-alibi", "falcon_h1", "gpt_neo", "llama-dynamic"}
#: Those whose rows are refused beyond 16 tokens, where their positions would depend on the longest row.
SHORT = {"llama-dynamic", "phi3-longrope"}


def model(kind, dtype=torch.float32, seed=0):
    """A random model of an architecture."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return hf.AutoModelForCausalLM.from_config(CONFIGS[kind]()).to(dtype).eval()
