"""Losses that read log-probabilities themselves: on a small Llama under LoRA adapters, whose base is the reference."""

from __future__ import annotations

import functools

import torch

from nashsim.errors import NashsimError
from nashsim.rules import POLICY, REFERENCE

from ..tasks.enumerable import EnumerableTask
from .arguments import LogProbs, value_of
from .claims import GradientClaim, PairClaim
from .example import Example
from .properties import not_parallel
from .subject import LossSubject

#: The first responses, which the rows are made of: of one token and of two.
_RESPONSES = 3
#: What a finding is on.
WHERE = (
    "a Llama of two layers under LoRA adapters, prompt 1 2, the responses 0, 1 0 and 2 0 (0 ends one):"
    " llm_bridge.testing.on_models.adapted(seed=0)"
)
_IGNORED = -100


def task(seed: int) -> EnumerableTask:
    """Return 13 responses of at most two tokens to the prompt 1 2."""
    return EnumerableTask(vocabulary=4, length=2, prompts=((1, 2),), seed=seed, dtype=torch.float64)


def adapted(seed: int):
    """Return a Llama of two layers with LoRA adapters away from their start, float64, as peft makes it.

    Raises
    ------
    NashsimError
        Without peft.
    """
    try:
        import peft
    except ImportError:
        raise NashsimError("check_loss: a loss on a model needs peft; pip install 'nashsim[llm]'") from None
    config = peft.LoraConfig(r=2, lora_alpha=2, target_modules="all-linear", task_type="CAUSAL_LM")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = peft.get_peft_model(task(seed).build_model(), config).double().train()
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weight, std=0.5)
    return model


class OnModel:
    """A loss on an adapted model, with exact log-probabilities beside it.

    Parameters
    ----------
    subject : LossSubject
    seed : int
        Seed of the model.
    """

    def __init__(self, subject: LossSubject, seed: int):
        self.subject, self.model, self.task = subject, adapted(seed), task(seed)
        self.current = self.task.log_probs(self.model)[0]
        with torch.no_grad(), self.model.disable_adapter():
            self.reference = self.task.log_probs(self.model)[0]
        self.weights = [weight for weight in self.model.parameters() if weight.requires_grad]
        numbers = torch.arange(_RESPONSES)
        if isinstance(subject.claim, PairClaim):
            rows = torch.cartesian_prod(numbers, numbers)
            self.rows = rows[rows[:, 0] != rows[:, 1]]
        else:
            self.rows = numbers[:, None]
        self.shares = torch.linspace(
            1, 2, len(self.rows), dtype=torch.float64
        )  # any mixture of rows would do

    @functools.cached_property
    def payoff(self) -> torch.Tensor:
        """What stands for P(y ≻ opponent), shape (responses,)."""
        return torch.linspace(0.1, 0.9, len(self.current), dtype=torch.float64)

    def call(self, rows: torch.Tensor, more: int = 0, filler: int = 0) -> torch.Tensor:
        """Return the loss of rows, inputs padded by ``more`` tokens ``filler``.

        Parameters
        ----------
        rows : Tensor of int, shape (rows, 1 or 2)
        more, filler : int
        """
        given = {name: self._value(kind, rows, more, filler) for name, kind in self.subject.wanted.items()}
        return value_of(self.subject.loss(**given))

    def _value(self, kind, rows, more, filler):
        if isinstance(kind, LogProbs) and not kind.tokens:
            named = {"current": self.current, POLICY: self.current.detach(), REFERENCE: self.reference}
            if kind.who in named:
                return named[kind.who][self._of(rows, kind.role)]
        elif not isinstance(kind, LogProbs):
            what, role = kind
            if what == "constant":
                return self.subject.constants[role]
            if what == "model":
                return self.model
            if what == "ref_model":
                return self._reference_model
            if what == "prompt_length":
                return len(self.task.prompts[0])
            if what == "payoff":
                return self.payoff[self._of(rows, role)]
            if what in ("input_ids", "attention_mask", "labels", "mask"):
                return self._inputs(what, self._of(rows, role), more, filler)
        raise NashsimError(f"loss: together with 'model' nothing is known to pass as {kind}")

    @functools.cached_property
    def _reference_model(self):
        return task(self.task.seed).build_model()

    @staticmethod
    def _of(rows: torch.Tensor, role: str) -> torch.Tensor:
        return rows[:, 1 if role == "rejected" else 0]

    def _inputs(self, what: str, which: torch.Tensor, more: int, filler: int) -> torch.Tensor:
        enumeration, prompt = self.task.enumeration, torch.tensor(self.task.prompts[0])
        lengths = torch.as_tensor(enumeration.lengths)[which]
        tokens = torch.as_tensor(enumeration.tokens)[which]
        tokens = torch.cat([tokens, torch.zeros(len(which), more, dtype=tokens.dtype)], 1)
        real = torch.arange(tokens.shape[1])[None, :] < lengths[:, None]
        tokens = torch.where(real, tokens, filler)
        before = torch.ones(len(which), len(prompt), dtype=torch.bool)
        if what == "mask":
            return real
        if what == "attention_mask":
            return torch.cat([before, real], 1).long()
        first = torch.full_like(before.long(), _IGNORED) if what == "labels" else prompt.expand_as(before)
        return torch.cat([first, torch.where(real, tokens, _IGNORED) if what == "labels" else tokens], 1)

    @functools.cached_property
    def found(self) -> torch.Tensor:
        """The gradient of the loss, all rows in their shares, flat."""
        losses = torch.stack([self.call(row[None]).sum() for row in self.rows])
        return self._gradient((self.shares * losses).sum())

    def due(self, reference: torch.Tensor) -> torch.Tensor:
        """Return the gradient that is claimed, flat.

        Parameters
        ----------
        reference : Tensor, shape (responses,)
            log mu.
        """
        claim, current = self.subject.claim, self.current
        tables = {POLICY: current.detach(), REFERENCE: reference}
        if isinstance(claim, PairClaim):
            base = torch.stack([float(w) * tables[k] for k, w in claim.step.base.items() if float(w)]).sum(0)
            return self._gradient((self.shares * claim.formula(current[self.rows], base[self.rows])).sum())
        if isinstance(claim, GradientClaim):
            tables[claim.step.at] = current
            credit = sum((float(w) * tables[name] for name, w in claim.step.score.items()), self.payoff - 0.5)
            of = self.rows[:, 0]
            return self._gradient(-(self.shares * credit.detach()[of] * current[of]).sum())
        raise NashsimError("claim: 'kto' is not held against models; give the loss log-probabilities")

    def _gradient(self, loss) -> torch.Tensor:
        parts = torch.autograd.grad(loss, self.weights, retain_graph=True, allow_unused=True)
        filled = (
            torch.zeros_like(w) if part is None else part for w, part in zip(self.weights, parts, strict=True)
        )
        return torch.cat([part.reshape(-1) for part in filled])


@functools.lru_cache(maxsize=1)
def _on(subject: LossSubject, seed: int) -> OnModel:
    return OnModel(subject, seed)


_WHAT = "the gradient in the adapters"


def reference_under_adapters(subject: LossSubject, example: Example) -> str | None:
    """The reference is the model without its adapters, and they are on again afterwards."""
    on = _on(subject, example.seed)
    on.call(on.rows[:1])
    if not on.model.training or any(_disabled(on.model)):
        return "the loss leaves the model in another state: adapters off, or another mode of training"
    if not_parallel(on.found, on.due(on.reference), _WHAT) is None:
        return None
    if not_parallel(on.found, on.due(on.current.detach()), _WHAT) is None:
        return (
            "the reference's log-probabilities are the policy's own: they are read with the adapters on; read them"
            " within model.disable_adapter()"
        )
    return None


def model_gradient(subject: LossSubject, example: Example) -> str | None:
    """The gradient in the weights is that of the claim's own loss on exact log-probabilities, up to a factor."""
    on = _on(subject, example.seed)
    return not_parallel(
        on.found, on.due(on.reference), _WHAT, ": which tokens are summed, and which reference?"
    )


def model_padding(subject: LossSubject, example: Example) -> str | None:
    """Tokens after the end of a response, masked, have no part in the loss."""
    on = _on(subject, example.seed)
    with torch.no_grad():
        plain = on.call(on.rows)
        for more, filler in ((2, 0), (2, 3)):
            other = on.call(on.rows, more, filler)
            if not torch.allclose(plain, other, rtol=1e-7):
                apart = float((plain - other).abs().max())
                return f"padding of {more} tokens {filler}, masked, changes the loss by {apart:.3g}"
    return None


def _disabled(model) -> list[bool]:
    from peft.tuners.tuners_utils import BaseTunerLayer

    return [module.disable_adapters for module in model.modules() if isinstance(module, BaseTunerLayer)]
