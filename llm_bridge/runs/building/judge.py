"""The judge of a run: what a configuration names, asked about token ids, and looked at before training begins."""

from __future__ import annotations

import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import numpy as np

from nashsim.errors import NashsimError

from ...data import Prompt
from ...importing import named_object
from ...judges import CallableJudge, Comparison, CriteriaJudge, Judge, LengthJudge, verdicts
from ...judges.chat.answer_store import AnswerStore, StoredFunction
from ...judges.chat.judge import RETRIES, ChatFunction
from ...judges.config import JudgeOptions
from ...models.loading import find_device, load_model, load_tokenizer
from ..configuration.config import Config

#: File of the answers that a judge was paid for, in the run's folder.
ANSWERS = "judge-answers.sqlite"


class DecodingJudge:
    """A judge of texts, asked about token ids: prompts as they were read, with their row's metadata; responses decoded.

    Token ids that know their row (``PromptRow``) are that row's; others must be those of rows that do not differ.

    Parameters
    ----------
    judge : Judge
        Judge of texts.
    prompts : sequence of Prompt
        Prompts that it may be asked about.
    decode : callable
        Function from token ids to text.
    """

    def __init__(self, judge: Judge, prompts, decode: Callable):
        self.judge, self.decode = judge, decode
        self.rows = {prompt.ids.row: prompt for prompt in prompts if hasattr(prompt.ids, "row")}
        self.prompts: dict[tuple, list[Prompt]] = {}
        for prompt in prompts:
            self.prompts.setdefault(prompt.ids, []).append(prompt)

    def __call__(self, comparisons) -> np.ndarray:
        """Return P(a ≻ b) for every comparison, shape (batch,)."""
        return self.judge(self.texts(comparisons))

    def verdicts(self, comparisons) -> dict[str, np.ndarray]:
        """Return what the judge and each of its criteria say, by name.

        Parameters
        ----------
        comparisons : sequence of Comparison
            Questions about token ids.
        """
        return verdicts(self.judge, self.texts(comparisons))

    def texts(self, comparisons) -> list[Comparison]:
        """Return the questions as the judge of texts reads them.

        Parameters
        ----------
        comparisons : sequence of Comparison
            Questions about token ids.
        """
        asked = []
        for comparison in comparisons:
            prompt = self._read(comparison.prompt)
            asked.append(
                Comparison(prompt.text, self.decode(comparison.a), self.decode(comparison.b), prompt.metadata)
            )
        return asked

    def _read(self, ids) -> Prompt:
        row = getattr(ids, "row", None)
        if row is not None:
            return self.rows[row]
        first, *others = self.prompts[tuple(ids)]
        if any(other.metadata != first.metadata for other in others):
            raise NashsimError(
                f"judge: {len(others) + 1} rows with other metadata share the prompt {first.text!r:.60}; ask with the"
                " ids of one of them (Prompt.ids)"
            )
        return first


def check_judge(judge: Judge, prompts: list[Prompt], length: int) -> None:
    """Refuse a model whose context the longest prompt and responses would exceed, a token of the policy's for one."""
    if isinstance(judge, CriteriaJudge):
        for criterion in judge.judges.values():
            check_judge(criterion, prompts, length)
    needs = getattr(judge, "tokens_needed", None)
    if needs is None:
        return
    needed, context = max(
        (needs(text, length) for text in dict.fromkeys(prompt.text for prompt in prompts)),
        key=lambda found: found[0],
    )
    if context is not None and needed > context:
        raise NashsimError(
            f"judge.path: prompts and responses of sampling.length {length} take up to {needed} tokens, and the judge's"
            f" context is {context}; lower sampling.length, drop long prompts, or choose a judge with a longer context"
        )


def make_judge(config: Config, tokenizer=None) -> Judge:
    """Return the judge of texts that a configuration names.

    Parameters
    ----------
    config : Config
    tokenizer : transformers.PreTrainedTokenizerBase or None
        Tokenizer of the policy, in whose tokens ``length`` counts; ``None`` loads it.

    Raises
    ------
    NashsimError
        For a model or function that is not there.
    """
    judge = config.judge
    if judge.kind == "criteria":
        judges = {c.label: _one_judge(config, c, tokenizer) for c in judge.criteria}
        return CriteriaJudge(judges, judge.shares)
    return _one_judge(config, judge, tokenizer)


def _one_judge(config: Config, judge: JudgeOptions, tokenizer) -> Judge:
    if judge.kind == "length":
        tokenizer = tokenizer or load_tokenizer(config.model.name)
        return LengthJudge(
            judge.scale, lambda text: len(tokenizer(text, add_special_tokens=False)["input_ids"])
        )
    if judge.kind == "callable":
        function, retries = named_object(judge.path, "judge.path"), judge.retries
        if judge.cache_file is not None:
            function = StoredFunction(function, AnswerStore(judge.cache_file), _as_written(judge.path))
        retries = 2 if retries is None else retries
        return CallableJudge(function, both_orders=judge.both_orders, retries=retries, cache=judge.cache)
    if judge.kind == "openai":
        store = AnswerStore(judge.cache_file or Path(config.output.folder) / ANSWERS)
        function = ChatFunction(judge.openai, store, RETRIES if judge.retries is None else judge.retries)
        return CallableJudge(function, both_orders=judge.both_orders, retries=0, cache=judge.cache)
    from ... import preference
    from ...preference.storage import DESCRIPTION

    if judge.kind == "preference-model" or (Path(judge.path) / DESCRIPTION).exists():
        model = preference.load_model(judge.path, device=find_device())
        return preference.ModelJudge(model, batch=judge.batch, cache=judge.cache)
    model = load_reward_model(judge.path).to(find_device())
    tokenizer = load_tokenizer(judge.path, "judge.path")
    return preference.RewardJudge.of_classifier(model, tokenizer, batch=judge.batch, scale=judge.scale)


def _as_written(path: str) -> str:
    """Names a function's answers: by its own name and its file as it is now, wherever that lies."""
    module, _, name = path.rpartition(":")
    file = getattr(sys.modules[Path(module.removesuffix(".py")).name], "__file__", None)
    return path if file is None else f"{name} {sha256(Path(file).read_bytes()).hexdigest()}"


def load_reward_model(path: str, **options):
    """Return the sequence classifier of a folder or hub name, trained as one.

    Parameters
    ----------
    path : str
        Folder or hub name.
    **options
        Further arguments of ``from_pretrained``.

    Raises
    ------
    NashsimError
        Where there is none, or weights of its head are missing.
    """
    from transformers import AutoModelForSequenceClassification

    model, loaded = load_model(
        path, AutoModelForSequenceClassification, "judge.path", output_loading_info=True, **options
    )
    if loaded["missing_keys"]:
        raise NashsimError(
            f"judge.path: {path!r} is no reward model, it lacks {', '.join(sorted(loaded['missing_keys']))}; name a"
            " sequence classifier with one output, or fit one by preference-model"
        )
    return model


def no_judge(comparisons) -> np.ndarray:
    """Refuse to compare, where a run has no judge.

    Parameters
    ----------
    comparisons : sequence of Comparison
        Comparisons that nobody answers.

    Raises
    ------
    NashsimError
        Always.
    """
    raise NashsimError(
        "judge: this run was trained on given pairs and has none to compare policies by; set judge.kind"
    )
