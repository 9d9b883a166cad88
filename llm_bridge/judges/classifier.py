"""Rewards of a published reward model: a sequence classifier with one output, asked in its own format."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from nashsim.errors import NashsimError

from ..data.turns import read_turns, rendered


class ClassifierRewards:
    """r(x, y) of a classifier: its chat template on the turns and the answer, where its tokenizer has one.

    Without a template, prompt and response are the two segments that an encoder was trained on, and follow each other
    in a causal model.

    Parameters
    ----------
    model : transformers.PreTrainedModel
        Model of ``AutoModelForSequenceClassification`` with ``num_labels=1``.
    tokenizer : transformers.PreTrainedTokenizerBase
        Tokenizer of the model.
    batch : int
        Most responses of a forward pass.

    Attributes
    ----------
    context : int or None
        Most tokens of a prompt with a response, where model or tokenizer state one.

    Raises
    ------
    NashsimError
        For a classifier of more than one output.
    """

    def __init__(self, model, tokenizer, batch: int = 16):
        from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

        if model.config.num_labels != 1:
            raise NashsimError(f"model: a reward is one output, found {model.config.num_labels}")
        config = model.config.get_text_config()
        if config.pad_token_id is None:
            # Rows of one length are never padded, and no token has this id: each row is read to its last token.
            config.pad_token_id = -1
        limits = (
            getattr(config, "max_position_embeddings", None),
            getattr(tokenizer, "model_max_length", None),
        )
        self.context = min((n for n in limits if n is not None and 0 < n < 1 << 40), default=None)
        self.model, self.tokenizer, self.batch = model.eval(), tokenizer, batch
        self.encoder = config.model_type in MODEL_FOR_MASKED_LM_MAPPING_NAMES

    def encoded(self, prompt, response: str) -> dict[str, list[int]]:
        """Return the model's inputs for one response, without its mask.

        Parameters
        ----------
        prompt : str or tuple of (str, str)
            Text, or turns as (role, content) pairs.
        response : str
            Text of the response.

        Raises
        ------
        NashsimError
            For turns without a chat template, or that it refuses.
        """
        where, tokenizer = "reward model", self.tokenizer
        if tokenizer.chat_template or not isinstance(prompt, str):
            turns = (
                [{"role": "user", "content": prompt}]
                if isinstance(prompt, str)
                else read_turns(prompt, where)
            )
            text = rendered(tokenizer, [*turns, {"role": "assistant", "content": response}], where)
            found = tokenizer(text, add_special_tokens=False)
        elif self.encoder:
            found = tokenizer(prompt, response)
        else:
            return {"input_ids": tokenizer(prompt + response)["input_ids"]}
        kept = ("input_ids", "token_type_ids") if self.encoder else ("input_ids",)
        return {name: found[name] for name in kept if name in found}

    def tokens_needed(self, prompt, length: int) -> tuple[int, int | None]:
        """Return the tokens of a prompt with a response of some length, and the most that the model takes.

        Parameters
        ----------
        prompt : str or tuple of (str, str)
            Text or turns.
        length : int
            Tokens of a response.
        """
        return len(self.encoded(prompt, "")["input_ids"]) + length, self.context

    @torch.inference_mode()
    def __call__(self, prompts: Sequence, responses: Sequence[str]) -> np.ndarray:
        """Return r(x, y) of every response, shape (responses,).

        Parameters
        ----------
        prompts, responses : sequence
            Prompts, texts or turns, and a text to each.

        Raises
        ------
        NashsimError
            For a row longer than the context.
        """
        rows = [self.encoded(x, y) for x, y in zip(prompts, responses, strict=True)]
        lengths = [len(row["input_ids"]) for row in rows]
        if self.context is not None and max(lengths, default=0) > self.context:
            raise NashsimError(
                f"reward model: prompt and response of {max(lengths)} tokens exceed its context of {self.context};"
                " lower sampling.length, or choose a judge with a longer context"
            )
        values = np.empty(len(rows))
        # One length a batch: classifiers find a row's end by its pad token, which may be a real one.
        for length in sorted(set(lengths)):
            places = [i for i, found in enumerate(lengths) if found == length]
            for start in range(0, len(places), self.batch):
                some = places[start : start + self.batch]
                inputs = {
                    name: torch.tensor([rows[i][name] for i in some], device=self.model.device)
                    for name in rows[some[0]]
                }
                mask = torch.ones_like(inputs["input_ids"])
                values[some] = self.model(**inputs, attention_mask=mask).logits[:, 0].double().cpu().numpy()
        return values
