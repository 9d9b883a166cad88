"""Styled text: a small language model is taught a small English, and styles beat each other in a cycle.

The class of a response is its first token's, so class masses are exact under any language model, however rare a
class; the equilibrium is that of the class game, pi*(y) = mu(y | c) m*(c) [derived].
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch

from nashsim.errors import NashsimError, unknown_name
from nashsim.files import atomic_folder

from ..decoding.eager import sample
from ..decoding.features import ClassFeatures
from ..decoding.roles import pure
from ..judges import ClassGameJudge, check_preference
from ..policy.causal_policy import CausalPolicy
from ..policy.sequences import Sequences
from ..training.sft import sft
from .class_equilibrium import ClassGame, within_class_estimate
from .grammar import BOS, EOS_WORD, PAD, Grammar

#: Width, layers, heads of each model; ``tiny`` is for tests, ``1m`` and ``5m`` have about as many parameters.
SIZES = {"tiny": (32, 2, 2), "1m": (128, 4, 4), "5m": (256, 5, 8)}


@dataclass(frozen=True)
class Teaching:
    """How the reference model is taught the grammar.

    Parameters
    ----------
    steps, batch : int
    lr : float
    examples : int
        Size of the corpus.
    """

    steps: int = 600
    batch: int = 32
    lr: float = 2e-3
    examples: int = 8192


@dataclass(frozen=True, eq=False)
class StyledTask:
    """A language model that writes in styles, and a judge that prefers one style to another.

    Parameters
    ----------
    grammar : Grammar
        Prompts, styles and the mass of each under the reference.
    preference : array_like, shape (styles, styles), or None
        P with the row preferred; ``None`` is a cycle, each style beating the next with ``strength``.
    strength : float
        Of the cycle, in [0, 1].
    loses : float
        Probability that ``other`` is preferred to a style; 0: it loses surely.
    tau : float
    size : str
        ``"tiny"``, ``"1m"`` or ``"5m"``.
    teaching : Teaching
    seed : int
        Of weights, corpus and batches.
    cache : str, Path or None
        Folder where taught models are kept, each in a directory named by the hash of its configuration.
    device : str

    Raises
    ------
    NashsimError
        For a preference that is none, an unknown size, or numbers out of range.
    """

    grammar: Grammar = Grammar()
    preference: np.ndarray | None = None
    strength: float = 0.9
    loses: float = 0.0
    tau: float = 0.1
    size: str = "1m"
    teaching: Teaching = Teaching()
    seed: int = 0
    cache: str | Path | None = None
    device: str = "cpu"
    name: str = field(default="styled", init=False)

    def __post_init__(self):
        if self.size not in SIZES:
            raise unknown_name("size", self.size, SIZES)
        if not (0 <= self.strength <= 1 and 0 <= self.loses <= 1) or not self.tau > 0:
            raise NashsimError(
                "strength, loses, tau: probabilities, and tau > 0, are needed,"
                f" found {self.strength}, {self.loses}, {self.tau}"
            )
        styles = self.grammar.styles
        between = cycle(len(styles), self.strength) if self.preference is None else self.preference
        between = check_preference(between)
        if len(between) != len(styles):
            raise NashsimError(f"preference: {len(styles)} styles need as many rows, found {len(between)}")
        full = np.full((len(styles) + 1,) * 2, self.loses)
        full[:-1, :-1], full[:-1, -1], full[-1, -1] = between, 1 - self.loses, 0.5
        object.__setattr__(self, "preference", check_preference(full))

    @classmethod
    def rare(cls, tau: float = 0.05, a: float = 0.25, other: float = 1e-3, **options) -> StyledTask:
        """Return the task whose winning style has reference mass exp(-a/tau): hard instance B on a language model.

        ``playful`` surely beats ``formal``. Until it is drawn, after about exp(a/tau) responses, an on-policy method
        has nothing to learn from, and its one-sided gap a round stays about 1/2 - a [derived].

        Parameters
        ----------
        tau : float
        a : float
            In (0, 1/2).
        other : float
            Mass of ``other``.
        **options
            As for the class.

        Raises
        ------
        NashsimError
            For tau or a out of range.
        """
        if not tau > 0 or not 0 < a < 0.5:
            raise NashsimError(f"tau, a: tau > 0 and a in (0, 1/2) are needed, found {tau} and {a}")
        mass = float(np.exp(-a / tau))
        grammar = Grammar(("formal", "playful"), (1 - mass - other, mass), options.pop("topics", 12))
        return cls(grammar, np.array([[0.5, 0.0], [1.0, 0.5]]), tau=tau, **options)

    @property
    def prompts(self) -> list[tuple[int, ...]]:
        """Token ids of every prompt."""
        return self.grammar.prompts

    @property
    def length(self) -> int:
        """Most tokens of a response: those of the longest sentence."""
        return self.grammar.longest

    @property
    def names(self) -> tuple[str, ...]:
        """The classes."""
        return self.grammar.names

    @cached_property
    def judge(self) -> ClassGameJudge:
        """The judge whose equilibrium this is."""
        return ClassGameJudge(self.preference, self.grammar.classify)

    @property
    def features(self) -> ClassFeatures:
        """Styles as features of responses, with the tokens that open them."""
        classes, count = self.grammar.token_classes, len(self.names)
        return ClassFeatures(
            self.grammar.classify, count, [np.flatnonzero(classes == c).tolist() for c in range(count)]
        )

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
        chosen, in relative terms, so that a rare mass is met as closely as a frequent one.

        Parameters
        ----------
        policy : CausalPolicy
        batch : Sequences
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
        prompts : sequence of sequences of int
        of : str
            A named policy.
        """
        table = policy.first_log_probs(prompts, of)
        classes = torch.as_tensor(self.grammar.token_classes, device=table.device)
        parts = [table[:, classes == c].logsumexp(1) for c in range(len(self.names))]
        return torch.stack(parts, 1)

    @torch.no_grad()
    def class_game(self, policy: CausalPolicy, of: str = "reference") -> ClassGame:
        """Return the class game against a policy's reference, a context a prompt.

        Parameters
        ----------
        policy : CausalPolicy
        of : str
            The named policy that is the reference.
        """
        assert self.preference is not None  # __post_init__ fills it
        return ClassGame(self.preference, self._masses(policy, of), self.tau, self.names)

    def _masses(self, policy: CausalPolicy, of: str) -> np.ndarray:
        with torch.no_grad():
            return self.log_masses(policy, self.prompts, of).double().log_softmax(1).cpu().numpy()

    @torch.no_grad()
    def measure(
        self, policy: CausalPolicy, seed: int = 0, draws: int = 32, of: str = "policy"
    ) -> dict[str, float]:
        """Return how far a policy is from the exact equilibrium, averaged over prompts.

        ``class_gap``, ``class_kl_to_equilibrium`` and ``mass NAME`` are exact; ``within_class_gap`` is estimated from
        responses drawn, an unbiased mean with the half width of its normal 95% interval; ``duality_gap`` is their sum.

        Parameters
        ----------
        policy : CausalPolicy
        seed : int
            Of the responses drawn.
        draws : int
            Responses a prompt, >= 2.
        of : str
            The named policy to measure.
        """
        game, masses = self.class_game(policy), self._masses(policy, of)
        prompts = [prompt for prompt in self.prompts for _ in range(draws)]
        drawn = sample(policy, prompts, {"measure": pure(of, seed)}, self.length)["measure"].sequences
        responses = drawn.responses()
        rows = np.repeat(np.arange(len(self.prompts)), draws)
        classes = np.array([self.grammar.classify(None, response) for response in responses])
        log_policy, log_reference = (
            policy.sequence_log_probs(drawn, name).double().cpu().numpy() for name in (of, "reference")
        )
        # equally many draws of every prompt: the mean over all is the mean over prompts
        within, error = within_class_estimate(
            log_policy, log_reference, masses[rows, classes], game.log_reference[rows, classes], self.tau
        )
        between = float(game.gap(masses).mean())
        m = np.exp(masses)
        apart = np.exp(game.log_equilibrium) * (game.log_equilibrium - masses)
        return {
            "duality_gap": between + within,
            "class_gap": between,
            "within_class_gap": within,
            "within_class_half_width": 1.96 * error,
            "class_kl_to_equilibrium": float(apart.sum(1).mean()),
            "sentences": float(
                np.mean([self.grammar.is_sentence(x, y) for x, y in zip(prompts, responses, strict=True)])
            ),
            "response_length": float(np.mean([len(response) for response in responses])),
            **{f"mass {name}": float(mass) for name, mass in zip(self.names, m.mean(0), strict=True)},
        }


def cycle(count: int, strength: float) -> np.ndarray:
    """Return the preference in which each of ``count`` styles beats the next with ``strength``, ties elsewhere.

    Parameters
    ----------
    count : int
    strength : float

    Examples
    --------
    >>> cycle(3, 0.9)
    array([[0.5, 0.9, 0.1],
           [0.1, 0.5, 0.9],
           [0.9, 0.1, 0.5]])
    """
    matrix = np.full((count, count), 0.5)
    if count == 1:
        return matrix
    for c in range(count if count > 2 else 1):
        after = (c + 1) % count
        matrix[c, after], matrix[after, c] = strength, round(1 - strength, 12)
    return matrix
