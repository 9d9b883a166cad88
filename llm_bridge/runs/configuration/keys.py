"""What every key of a configuration means: the table of the documentation, held to the configuration by a test."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from .config import Config

#: Meaning of every key that a configuration may have.
KEYS: dict[str, str] = {
    "model.name": "Folder, hub name, GGUF file or package:NAME of the model; null takes the task's own. It may be an"
    " SFT adapter, whose reference is base + adapter.",
    "model.dtype": "Type of the weights: float32, bfloat16 (trained by float32 master weights), float16 (adapters"
    " only) or float64.",
    "model.lora.rank": "Rank of low-rank adapters; 0 trains all weights.",
    "model.lora.alpha": "Scale of the adapters; null is twice the rank.",
    "model.lora.dropout": "Must be 0: under dropout two passes of one policy would differ.",
    "model.lora.targets": "Names of the layers that get an adapter; all-linear is every linear layer but the output's.",
    "model.quantise": "4bit or 8bit keeps the base under the adapters in that many bits (needs bitsandbytes).",
    "model.pad": "Token that pads, where the tokenizer names none.",
    "model.eos": "More tokens that end a response, beside those of tokenizer, config and generation_config.",
    "model.padding": "Side of the padding, left or right; null is the side that the architecture was found right on.",
    "model.temperature": "Temperature of the policy: logits are divided by it in sampling and in log-probabilities.",
    "model.gradient_checkpointing": "Computes layers again in the backward pass instead of keeping them.",
    "data.task": "A task with exact answers that brings its model, prompts and judge: enumerable or styled.",
    "data.parameters": "Parameters of the task.",
    "data.prompts": "File or dataset of prompts that the policy answers itself (on-policy).",
    "data.pairs": "File or dataset of pairs to train on as they are (offline): dpo, ipo, kto, una, rdro, pepo.",
    "data.split": "Split of a dataset.",
    "data.column": "Column of the prompts.",
    "data.first": "Column of the first response of a pair.",
    "data.second": "Column of the second response of a pair.",
    "data.probability": "Column of P(first ≻ second), a share or the winner's name; null: the first is chosen.",
    "data.scores": "Columns of both scores of a pair, or of one margin.",
    "data.scale": "Scores of a unit of log-odds: P = σ(difference / scale).",
    "data.equal": "What becomes of equal pairs: refuse, half or drop.",
    "data.template": "plain gives the prompt as it is; chat applies the tokenizer's chat template.",
    "data.limit": "The most prompts or pairs that are read.",
    "data.too_long": "What becomes of what the context has no room for: refuse, drop, or (pairs) cut.",
    "data.teacher": "File or dataset of a stronger model's responses, ranked with the policy's own.",
    "data.teacher_column": "Column of the teacher's responses.",
    "data.unanswered": "Prompts without a response of the teacher: refuse, or rank the policy's own alone.",
    "judge.kind": "Who compares: task, preference-model, reward-model, length, callable, openai, criteria.",
    "judge.path": "Folder of the model, or module:function of a callable.",
    "judge.batch": "Comparisons of one call.",
    "judge.scale": "Reward of a unit of log-odds, or log-odds of a token of length.",
    "judge.both_orders": "Whether a callable is asked in both orders and the mean is taken.",
    "judge.retries": "Times that a callable or an endpoint is asked again after an error; null is 2, of openai 6.",
    "judge.cache": "Answers of a callable or an endpoint that are kept in memory.",
    "judge.cache_file": "File of their answers, so that nothing is asked twice; null keeps those of openai in the run.",
    "judge.openai.model": "Name that the endpoint knows its model by.",
    "judge.openai.base_url": "Address of an OpenAI-compatible endpoint: hosted, or vLLM or llama.cpp of your own.",
    "judge.openai.key_env": "Variable of the environment that has the key.",
    "judge.openai.system": "System message.",
    "judge.openai.template": "The question, with {prompt}, {a}, {b}, {labels} and any column of the prompt's row.",
    "judge.openai.verdict": "text reads a label in the reply; logprob weighs the labels among the first tokens.",
    "judge.openai.labels": "Labels of the first response, the second and, if it stands there, a tie.",
    "judge.openai.unreadable": "A reply without a verdict: refuse, or tie.",
    "judge.openai.max_tokens": "The most tokens of a reply.",
    "judge.openai.temperature": "Temperature of the reply.",
    "judge.openai.extra": "Fields added to the request; null takes one out.",
    "judge.openai.concurrency": "Requests under way at once.",
    "judge.openai.timeout": "Seconds that a request may take.",
    "judge.openai.pause": "Seconds before a request is repeated, doubled every time.",
    "judge.openai.longest_pause": "The longest wait that a server may ask for, in seconds.",
    "judge.openai.budget_calls": "The most requests of all runs on one file of answers.",
    "judge.openai.budget_tokens": "The most tokens of all runs on one file of answers.",
    "judge.duels": "Whether every answer is a coin of the judge's probability.",
    "judge.criteria": "List of judges, each with kind, path, weight and name: their mixture compares.",
    "algorithm.name": "Name of the algorithm, `llm-bridge recipes` and the table of algorithms list them.",
    "algorithm.tau": "Regularisation τ of the game.",
    "algorithm.parameters": "Parameters of the rule and of the algorithm, e.g. step, eta_inverse, mixture.",
    "algorithm.fit": "Loss that carries the steps: a name, module:Class, or null for the algorithm's own.",
    "training.iterations": "Iterations of the whole training.",
    "training.fit_steps": "Optimiser steps of each mirror step; gradient steps have one.",
    "training.lr": "Largest learning rate; it falls linearly to zero over each fit.",
    "training.clip": "Largest norm of the gradient.",
    "training.optimiser": "adam or sgd.",
    "training.momentum": "Decay of Adam's first moment, or momentum of descent, in [0, 1); null is 0.9, and 0 for sgd.",
    "training.prompts": "Prompts of an iteration; null is all of them.",
    "training.minibatch": "Pairs or responses of an optimiser step of a fit; null is the whole batch.",
    "training.schedule": "Course of the learning rate over the training: constant, linear or cosine.",
    "training.warmup": "Share of the iterations over which the learning rate rises, in [0, 1).",
    "training.rows": "The most responses of one forward and backward pass; null is no bound.",
    "training.seed": "Seed of everything random.",
    "training.checkpoint_every": "Iterations between checkpoints.",
    "sampling.length": "The most tokens of a response.",
    "sampling.context": "The most tokens of prompt and response together; null is the model's own limit.",
    "sampling.batch": "The most responses of one decode; null is all of a step at once.",
    "sampling.engine": "eager, compiled (torch.compile, no adapters) or module:function, a sampler of yours.",
    "sampling.precision": "Packed weights that the policy samples with: float32, bfloat16 or int8; null is the model's "
    "own products, as in all scoring. importance_ratio of the records says how far the two lie apart.",
    "sampling.frozen_precision": "The same of references and past iterates.",
    "evaluation.every": "Iterations between measurements.",
    "evaluation.prompts": "Prompts of a measurement.",
    "evaluation.samples": "Responses of a prompt of a measurement.",
    "evaluation.prompts_file": "File of the prompts of a measurement; null takes the first of those trained on.",
    "evaluation.stop_kl": "Ends the training once the KL to the reference is above it; null is no budget.",
    "evaluation.patience": "Ends the training after so many records without a gain in the win rate; null goes on.",
    "evaluation.keep_best": "Whether best/ keeps the model of the largest win rate, within stop_kl.",
    "output.folder": "Folder of the run.",
    "output.keep": "Checkpoints that stay.",
    "output.trackers": "Trackers told besides: tensorboard, wandb.",
}


def keys(section: type = Config, prefix: str = "") -> Iterator[tuple[str, str, object]]:
    """Yield (key, type, default) of every key that a configuration may have.

    Parameters
    ----------
    section : type
        Dataclass of the section.
    prefix : str
        Keys of the sections around it.

    Examples
    --------
    >>> dict((key, default) for key, _, default in keys())["algorithm.tau"]
    0.1
    """
    whole = section()
    for field in fields(section):
        value = getattr(whole, field.name)
        if is_dataclass(value):
            yield from keys(type(value), f"{prefix}{field.name}.")
        else:
            yield f"{prefix}{field.name}", str(field.type), value


def table() -> str:
    """Return every key with its type, default and meaning, as a table in Markdown for each section."""
    text, section = "", None
    for key, kind, default in keys():
        if key.split(".")[0] != section:
            section = key.split(".")[0]
            text += f"\n## `{section}`\n\n| key | meaning | type | default |\n|---|---|---|---|\n"
        cells = (f"`{key}`", KEYS[key], f"`{kind}`", f"`{_shown(default)}`")
        text += f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"
    return text.lstrip()


def _shown(default: object) -> str:
    """A default as YAML has it, in one line."""
    if isinstance(default, str) and "\n" in default:
        return "its own text"
    return json.dumps(list(default) if isinstance(default, tuple) else default, ensure_ascii=False)
