"""check_loss: a loss of one's own against the exact step or gradient that it claims."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from nashsim.testing.report import CheckError, CheckReport, Failure, collect

from . import on_models as m
from . import properties as p
from .claims import GradientClaim, KTOClaim, PairClaim, make_claim
from .example import Example, ladder
from .subject import LossSubject


class LossCheckError(CheckError):
    """A loss breaks a property; the message shows the smallest example that was found to break it."""


@dataclass(frozen=True)
class LossProperty:
    """A property of losses, what it is tried on, and whether it is claimed.

    Attributes
    ----------
    property : str
    of : callable
        ``of(subject, example) -> str or None``.
    claimed : callable
        Predicate of a subject.
    """

    property: str
    of: Callable[[LossSubject, Example], str | None]
    claimed: Callable[[LossSubject], bool]

    def find(self, subject: LossSubject) -> Failure | None:
        """Return how the subject breaks the property, on the smallest example of the ladder that shows it."""
        for example in ladder()[-1:] if subject.on_models else ladder():
            try:
                said = self.of(subject, example)
            except Exception as error:
                said = f"it raised {type(error).__name__}: {error}"
            if said is not None:
                on = m.WHERE if subject.on_models else example
                return Failure(self.property, f"{said}\nOn {on}", _lines(subject, example))
        return None


def _lines(subject: LossSubject, example: Example) -> str:
    """Python that calls the loss on one row of the example."""
    if subject.on_models:
        return f"from llm_bridge.testing.on_models import adapted\nmodel = adapted(seed={example.seed})"
    tokens = example.token_logps(example.logits["policy"])
    rows, _ = subject.rows(example, tokens)
    given = subject.arguments(
        example, subject.tables(example, tokens), rows[:1], subject.claim.payoff(example)
    )
    called = ",\n    ".join(f"{name}={_python(value)}" for name, value in given.items())
    return f"import torch\n{subject.name}(\n    {called},\n)"


def _python(value) -> str:
    if not isinstance(value, torch.Tensor):
        return repr(value)
    kind = ", dtype=torch.float64" if value.dtype == torch.float64 else ""
    return f"torch.tensor({value.tolist()}{kind})"


def _on_tables(subject: LossSubject) -> bool:
    return not subject.on_models


#: Every property, in the order in which they are tried: what later ones rely on stands first.
CHECKS = (
    LossProperty("losses returned", p.returns_losses, _on_tables),
    LossProperty("label convention", p.label_convention, _on_tables),
    LossProperty("padding", p.padding, lambda s: _on_tables(s) and s.reads_tokens),
    LossProperty("batch average", p.batch_average, _on_tables),
    LossProperty("minimiser", p.minimiser, lambda s: _on_tables(s) and isinstance(s.claim, PairClaim)),
    LossProperty(
        "reward-to-go",
        p.reward_to_go,
        lambda s: _on_tables(s) and s.reads_tokens and isinstance(s.claim, GradientClaim),
    ),
    LossProperty(
        "expected gradient",
        p.expected_gradient,
        lambda s: _on_tables(s) and isinstance(s.claim, GradientClaim | KTOClaim),
    ),
    LossProperty("reference under adapters", m.reference_under_adapters, lambda s: s.on_models),
    LossProperty("gradient on a model", m.model_gradient, lambda s: s.on_models),
    LossProperty("padding of a model's input", m.model_padding, lambda s: s.on_models),
)


def check_loss(
    loss: Callable,
    claim,
    *,
    tau: float = 0.5,
    beta: float = 0.5,
    raise_first: bool = True,
    known: Mapping[str, str] | None = None,
    **constants,
) -> CheckReport:
    """Check a torch loss against the exact step or gradient that it claims, on models small enough to enumerate.

    The loss is called with what its parameters are named after, TRL's names and the papers' among them:

    - ``policy_chosen_logps``, ``policy_rejected_logps``, ``reference_chosen_logps``, ``reference_rejected_logps``, or
      ``chosen_logps``, ``rejected_logps``, ``ref_chosen_logps``, ``ref_rejected_logps``: sums over the tokens of a
      response with EOS, shape (rows,); ``previous_...`` and ``old_...`` are pi_t, where the step began; as papers write
      them, ``log_pi_w``, ``log_pi_l``, ``log_mu_w`` or ``log_ref_w``, ``log_pi_t_w``;
    - ``..._token_logps`` or ``..._per_token_logps``: every token's, shape (rows, T), with ``chosen_mask``,
      ``rejected_mask``, or ``mask`` of single responses (also ``completion_mask``, ``response_mask``);
    - for losses on single responses the same without chosen and rejected: ``logps``, ``reference_logps``,
      ``per_token_logps``, ``payoff`` or ``rewards`` (P(y ≻ opponent)), ``desirable``, ``kl`` or ``z0``;
    - ``model`` (a small Llama under LoRA adapters, away from their start), ``chosen_input_ids``,
      ``chosen_attention_mask``, ``chosen_labels`` (-100 on prompt and padding), the same of ``rejected``,
      ``prompt_length``, ``ref_model``: a loss that reads log-probabilities itself;
    - ``beta``, ``tau``, ``eta`` (the forward step), ``eta_inverse``, and what ``constants`` names.

    It returns a scalar, one loss a row, or a tuple or mapping that begins with it or has it as ``loss``.

    Parameters
    ----------
    loss : callable
    claim : {"dpo", "ipo", "kto", "policy-gradient"}, Rule, its name, MirrorStep or GradientStep
        What it is held to. ``"dpo"``: under Bradley-Terry preferences its minimiser is mu exp(r/beta); ``"ipo"``: on
        pairs from mu it is mu exp(P(. ≻ mu)/tau); a rule or a mirror step: on pairs from the opponent it is the step;
        ``"policy-gradient"``: its gradient, y ~ pi, is minus that of E[P(y ≻ pi)] - tau KL(pi || mu), the opponent held
        fixed; a gradient step: that of what it climbs; ``"kto"``: its gradient is that of KTO's loss with z0 given.
    tau, beta : float
        Regularisation, and temperature of DPO and KTO.
    raise_first : bool
        Flag: raise at the first property that breaks. ``False`` raises one error with all failures.
    known : mapping of str to str or None
        Properties that are known to break, with the reason; one that holds is a failure.
    **constants
        Further arguments of the loss, by name.

    Returns
    -------
    CheckReport

    Raises
    ------
    LossCheckError
        An AssertionError that names the property, with the smallest example that breaks it.
    NashsimError
        For an unknown claim, or a parameter of the loss that is not known.

    Examples
    --------
    >>> def ipo(policy_chosen_logps, policy_rejected_logps, reference_chosen_logps, reference_rejected_logps, tau):
    ...     chosen = policy_chosen_logps - reference_chosen_logps
    ...     rejected = policy_rejected_logps - reference_rejected_logps
    ...     return ((chosen - rejected - 1 / (2 * tau)) ** 2).mean()
    >>> check_loss(ipo, "ipo")
    ipo: 4 of 4 properties hold
    """
    made = make_claim(claim, tau, beta)
    subject = LossSubject(loss, made, constants)
    checks = [
        (c.property, functools.partial(c.find, subject) if c.claimed(subject) else None) for c in CHECKS
    ]
    return collect(subject.name, checks, known=known, raise_first=raise_first, error=LossCheckError)
