"""A small Llama that is taught a grammar: the reference of the styled task, kept on disk by what it depends on."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch

from nashsim.errors import unknown_name

from ..models.sft import sft
from ..policy.causal_policy import CausalPolicy
from ..policy.sequences import Sequences
from ..storage.checkpoint import atomic_folder
from .grammar import BOS, EOS_WORD, PAD, Grammar

#: Width, layers, heads of each model; ``tiny`` is for tests, ``1m`` and ``5m`` have about as many parameters.
SIZES = {"tiny": (32, 2, 2), "1m": (128, 4, 4), "5m": (256, 5, 8)}


@dataclass(frozen=True)
class Teaching:
    """How the reference model is taught the grammar.

    Parameters
    ----------
    steps, batch : int
        Number of steps, and examples of each.
    lr : float
        Learning rate.
    examples : int
        Size of the corpus.
    """

    steps: int = 600
    batch: int = 32
    lr: float = 2e-3
    examples: int = 8192


@dataclass(frozen=True, eq=False)
class TaughtModel:
    """A language model that writes the sentences of a grammar, in classes of stated masses.

    Parameters
    ----------
    grammar : Grammar
        Prompts, styles and the mass of each under the model.
    size : str
        Size of the model, ``"tiny"``, ``"1m"`` or ``"5m"``.
    teaching : Teaching
        How it is taught.
    seed : int
        Seed of weights, corpus and batches.
    cache : str, Path or None
        Folder where taught models are kept, each in a directory named by the hash of its configuration.
    device : str
        Device of the model.

    Raises
    ------
    NashsimError
        For an unknown size.
    """

    grammar: Grammar = Grammar()
    size: str = "1m"
    teaching: Teaching = Teaching()
    seed: int = 0
    cache: str | Path | None = None
    device: str = "cpu"

    def __post_init__(self):
        if self.size not in SIZES:
            raise unknown_name("size", self.size, SIZES)

    @property
    def prompts(self) -> list[tuple[int, ...]]:
        """Token ids of every prompt."""
        return self.grammar.prompts

    @property
    def length(self) -> int:
        """Most tokens of a response: those of the longest sentence."""
        return self.grammar.longest

    def policy(self) -> CausalPolicy:
        """Return the taught model as a policy that is its own reference."""
        return CausalPolicy(self.build_model())

    def build_model(self):
        """Return the taught model, from the cache where it is there; into it where not."""
        from transformers import AutoModelForCausalLM

        if self.cache is None:
            return self.taught().model
        home = Path(self.cache) / self.key
        if not home.exists():
            with atomic_folder(home) as folder:
                self.taught().model.save_pretrained(folder)
                self.grammar.tokenizer().save_pretrained(folder)
        model = AutoModelForCausalLM.from_pretrained(home, trust_remote_code=False)
        return model.to(self.device).eval()

    @property
    def key(self) -> str:
        """The hash of all that the taught model depends on."""
        parts = {
            "format": 1,
            "grammar": asdict(self.grammar),
            "words": self.grammar.words,
            "size": SIZES[self.size],
            "teaching": asdict(self.teaching),
            "seed": self.seed,
        }
        return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]

    def taught(self, progress: bool = False) -> CausalPolicy:
        """Return a policy of fresh weights after its teaching; its reference is what it was taught.

        Parameters
        ----------
        progress : bool
            Whether to show a bar.
        """
        policy = CausalPolicy.from_config(self.config(), seed=self.seed)
        policy.model.to(self.device)
        policy.snapshot("reference")
        sft(
            policy,
            self.grammar.examples(self.teaching.examples, self.seed),
            steps=self.teaching.steps,
            batch=self.teaching.batch,
            lr=self.teaching.lr,
            seed=self.seed,
            loss=self.teaching_loss,
            progress=progress,
        )
        policy.snapshot("reference")
        return policy

    def config(self):
        """Return the configuration of the model, a small Llama."""
        from transformers import LlamaConfig

        width, layers, heads = SIZES[self.size]
        ids = self.grammar.ids
        return LlamaConfig(
            vocab_size=len(ids),
            hidden_size=width,
            intermediate_size=4 * width,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            max_position_embeddings=len(self.prompts[0]) + self.length,
            bos_token_id=ids[BOS],
            eos_token_id=ids[EOS_WORD],
            pad_token_id=ids[PAD],
            tie_word_embeddings=False,
        )

    def teaching_loss(self, policy: CausalPolicy, batch: Sequences) -> torch.Tensor:
        """Return the mean over tokens of -log pi(y | x, c(y)), plus sum_c (log m(c | x) - log w_c)^2.

        The corpus has all classes equally often. The first term teaches what each says, the second how often it is
        chosen, in relative terms, so that a rare mass is fitted as closely as a frequent one.

        Parameters
        ----------
        policy : CausalPolicy
            Policy to teach.
        batch : Sequences
            Prompts and sentences.
        """
        # equal prompts once
        prompts, row = batch.prompt.unique(dim=0, return_inverse=True)
        masses = self.log_masses(policy, prompts.tolist())
        wanted = torch.as_tensor(np.log(self.grammar.masses), dtype=masses.dtype, device=masses.device)
        classes = torch.as_tensor(self.grammar.token_classes, device=masses.device)[batch.response[:, 0]]
        within = policy.sequence_log_probs(batch) - masses[row, classes]
        return -within.sum() / batch.response_mask.sum() + ((masses - wanted) ** 2).sum(1).mean()

    def log_masses(self, policy: CausalPolicy, prompts, of: str = "policy") -> torch.Tensor:
        """Return the exact log-mass of every class from the first token alone, shape (prompts, classes).

        Differentiable for the policy that trains.

        Parameters
        ----------
        policy : CausalPolicy
            Policy with that name.
        prompts : sequence of sequences of int
            Token ids of every prompt.
        of : str
            Name of a policy.
        """
        table = policy.first_log_probs(prompts, of)
        classes = torch.as_tensor(self.grammar.token_classes, device=table.device)
        parts = [table[:, classes == c].logsumexp(1) for c in range(len(self.grammar.names))]
        return torch.stack(parts, 1)
