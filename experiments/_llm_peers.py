"""TRL's Nash-MD trainer, one step at a time, on the same model, prompts and length as ours."""

from __future__ import annotations

import tempfile
from importlib.util import find_spec

#: The last release with a Nash-MD trainer.
TRL = "1.13.0"


def missing_trl() -> str | None:
    """Return what to install if TRL is absent, else None."""
    return None if find_spec("trl") else f"trl not installed (pip install 'nashsim[bench-llm]': trl=={TRL})"


class TRLNashMD:
    """``trl.experimental.nash_md``: a step is sampling from policy and mixture, scoring, loss, backward, AdamW.

    With ``use_cache`` its mixture decodes with one model's cache for both and so samples another distribution; off, it
    is right. Its KL gradient keeps the terms of the same token only. The reward model is one layer of width 16, so
    that judging costs next to nothing, as ours does.

    Parameters
    ----------
    model, reference : transformers.PreTrainedModel
    batch, prompt, length : int
        Prompts, tokens of a prompt, new tokens of every response.
    mixture, beta, lr : float
    use_cache : bool
    """

    def __init__(self, model, reference, batch, prompt, length, *, mixture, beta, lr, use_cache=False):
        import torch
        from datasets import Dataset
        from transformers import LlamaConfig, LlamaForSequenceClassification
        from trl.experimental.nash_md import NashMDConfig, NashMDTrainer

        vocabulary = model.config.vocab_size
        tokenizer = _tokenizer(vocabulary)
        scorer = LlamaForSequenceClassification(
            LlamaConfig(
                vocab_size=vocabulary, hidden_size=16, intermediate_size=16, num_hidden_layers=1,
                num_attention_heads=1, num_labels=1, pad_token_id=1,
            )
        )  # fmt: skip
        words = [f"w{2 + (7 * i) % (vocabulary - 2)}" for i in range(prompt)]
        self._rows = {"prompt": [" ".join(words)] * batch}
        self._folder = tempfile.TemporaryDirectory()
        args = NashMDConfig(
            output_dir=self._folder.name, per_device_train_batch_size=batch, max_new_tokens=length,
            temperature=1.0, beta=beta, mixture_coef=mixture, learning_rate=lr, report_to=[], use_cpu=True,
            bf16=False, gradient_checkpointing=False, disable_dropout=True, missing_eos_penalty=None,
            max_length=prompt + length + 8,
        )  # fmt: skip
        self._trainer = NashMDTrainer(
            model=model, ref_model=reference, reward_funcs=scorer, args=args,
            train_dataset=Dataset.from_dict(self._rows), processing_class=tokenizer,
        )  # fmt: skip
        self._trainer.generation_config.use_cache = use_cache
        # Every response has full length, as in the other bench works.
        self._trainer.generation_config.min_new_tokens = length
        self._trainer.create_optimizer_and_scheduler(1_000_000)
        self._torch, self.model = torch, model

    def __call__(self) -> None:
        """Do one step."""
        trainer = self._trainer
        trainer.training_step(self.model, {k: list(v) for k, v in self._rows.items()})
        self._torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        trainer.optimizer.step()
        trainer.optimizer.zero_grad()


def _tokenizer(vocabulary: int):
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = {"<eos>": 0, "<pad>": 1} | {f"w{i}": i for i in range(2, vocabulary)}
    made = Tokenizer(models.WordLevel(words, unk_token="<pad>"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<eos>", pad_token="<pad>")


class BareLoop:
    """What one writes by hand on transformers, correctly: two caches for the mixture, whole logits, reward-to-go.

    Parameters
    ----------
    As for ``TRLNashMD``.
    """

    def __init__(self, model, reference, batch, prompt, length, *, mixture, beta, lr):
        import torch

        self._torch, self.model, self.reference = torch, model, reference
        self.mixture, self.beta, self.length = mixture, beta, length
        vocabulary = model.config.vocab_size
        row = [2 + (7 * i) % (vocabulary - 2) for i in range(prompt)]
        self.prompts = torch.tensor([row] * batch, device=model.device)
        self.optimiser = torch.optim.AdamW(model.parameters(), lr=lr)
        # sigma of a difference of class scores: a judge that costs next to nothing.
        self.scores = torch.randn(vocabulary, generator=torch.Generator().manual_seed(0)).to(model.device)

    def _decode(self, coefficient: float):
        torch = self._torch
        with torch.no_grad():
            ids, caches, new = self.prompts, [None, None], self.prompts
            voices = [(self.model, 1 - coefficient), (self.reference, coefficient)]
            for _ in range(self.length):
                total = 0.0
                for i, (model, weight) in enumerate(voices):
                    if weight:
                        out = model(input_ids=new, past_key_values=caches[i], use_cache=True)
                        caches[i] = out.past_key_values
                        total = total + weight * out.logits[:, -1].float().log_softmax(-1)
                new = torch.multinomial(total.softmax(-1), 1)
                ids = torch.cat([ids, new], 1)
        return ids

    def _log_probs(self, model, ids):
        start = self.prompts.shape[1]
        logits = model(input_ids=ids).logits[:, start - 1 : -1].float()
        return logits.log_softmax(-1).gather(-1, ids[:, start:, None])[..., 0]

    def __call__(self) -> None:
        """Do one step."""
        torch, start = self._torch, self.prompts.shape[1]
        y, z = self._decode(0.0), self._decode(self.mixture)
        won = (self.scores[y[:, start]] - self.scores[z[:, start]]).sigmoid()
        log_pi = self._log_probs(self.model, y)
        with torch.no_grad():
            ratio = log_pi - self._log_probs(self.reference, y)
            to_go = ratio.flip(1).cumsum(1).flip(1)
            credit = (won - 0.5)[:, None] - self.beta * to_go
        loss = -(credit * log_pi).sum(1).mean()
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()


class Generate(BareLoop):
    """The same with ``generate`` of transformers: the mixture is a processor of logits, the reference's cache its own.

    Parameters
    ----------
    As for ``TRLNashMD``.
    """

    def __init__(self, model, *args, **options):
        super().__init__(model, *args, **options)
        # No token ends a response, as in the other bench works.
        model.generation_config.eos_token_id = None

    def _decode(self, coefficient: float):
        torch = self._torch
        options = {"do_sample": True, "top_k": 0, "max_new_tokens": self.length, "pad_token_id": 1}
        if coefficient:
            options["logits_processor"] = [_Mixture(self.reference, coefficient)]
        return self.model.generate(self.prompts, attention_mask=torch.ones_like(self.prompts), **options)


class _Mixture:
    def __init__(self, reference, coefficient: float):
        self.reference, self.coefficient, self.cache = reference, coefficient, None

    def __call__(self, ids, scores):
        new = ids if self.cache is None else ids[:, -1:]
        out = self.reference(input_ids=new, past_key_values=self.cache, use_cache=True)
        self.cache = out.past_key_values
        theirs = out.logits[:, -1].float().log_softmax(-1)
        return (1 - self.coefficient) * scores.log_softmax(-1) + self.coefficient * theirs
