"""Who decodes: the eager loop, the compiled one, or a function of the user's; in batches that fit into memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch

from nashsim.errors import NashsimError, first_line, unknown_name

from ..importing import named_object
from ..policy.causal_policy import CausalPolicy
from ..policy.sequences import Sequences, padded
from .eager import sample
from .roles import Drawn, Engine, Role
from .token_step import AS_SCORED, Precision

#: Engines with a name; any other is ``module:function``.
ENGINES = ("eager", "compiled")


def check_engine(name: str) -> None:
    """Refuse what is neither the name of an engine nor of a function.

    Parameters
    ----------
    name : str
        Value of ``sampling.engine``.

    Raises
    ------
    NashsimError
        For any other name.
    """
    if name not in ENGINES and ":" not in name:
        raise unknown_name("sampling.engine", name, (*ENGINES, "module:function"))


def make_engine(name: str = "eager", rows: int | None = None, precision: Precision = AS_SCORED) -> Engine:
    """Return an engine by its name.

    Parameters
    ----------
    name : str
        ``"eager"``; ``"compiled"`` (:class:`~llm_bridge.decoding.compiled.CompiledEngine`); or
        ``"module:function"``, a function with the contract of :func:`~llm_bridge.decoding.eager.sample`.
    rows : int or None
        Most responses of one decode; ``None`` is all of a step.
    precision : Precision
        Precision of the eager loop's products.

    Raises
    ------
    NashsimError
        For an unknown name, a function that is not there, or no compiler.
    """
    check_engine(name)
    engine: Engine = sample if precision == AS_SCORED else partial(sample, precision=precision)
    if name == "compiled":
        from .compiled import CompiledEngine

        _check_compiler()
        engine = CompiledEngine()
    elif name != "eager":
        engine = Hook(named_object(name, "sampling.engine"), name)
    return engine if rows is None else Batched(engine, rows)


def _check_compiler() -> None:
    """Compile one addition: whatever is missing (a C++ compiler, headers, triton) is missing here already."""
    try:
        torch.compile(lambda x: x + 1)(torch.zeros(1, device="cuda" if torch.cuda.is_available() else "cpu"))
    except Exception as error:  # torch knows many ways to be without a compiler
        raise NashsimError(
            f"sampling.engine: torch.compile does not work here ({first_line(error)[:160]});"
            " install a compiler, or set it to eager"
        ) from None


@dataclass(frozen=True, eq=False)
class Hook:
    """A user's function as an engine, its answers held against the contract.

    Attributes
    ----------
    function : callable
        Function with the contract of an engine.
    name : str
        Name of the function in messages.
    """

    function: Engine
    name: str

    def __call__(
        self, policy: CausalPolicy, prompts: Sequence[Sequence[int]], roles: Mapping[str, Role], length: int
    ) -> dict[str, Drawn]:
        """Return one response a prompt from every role, or raise NashsimError."""
        try:
            found = self.function(policy, prompts, roles, length)
        except NashsimError:
            raise
        except Exception as error:
            why = " ".join(str(error).split())[:200]
            raise NashsimError(
                f"sampling.engine: {self.name} failed: {type(error).__name__} {why}"
            ) from error
        due = f"sampling.engine: {self.name} is to return"
        for role in roles:
            drawn = found.get(role) if isinstance(found, Mapping) else None
            if not isinstance(drawn, Drawn) or len(drawn.sequences) != len(prompts):
                raise NashsimError(f"{due} a Drawn of {len(prompts)} responses for the role {role!r}")
            if drawn.sequences.response.shape[1] > length or not drawn.sequences.response_mask.any(1).all():
                raise NashsimError(f"{due} responses of 1 to {length} tokens, EOS included")
        return found


@dataclass(frozen=True, eq=False)
class Batched:
    """An engine that decodes at most so many responses at once.

    Copies of one prompt stay together, since a response's random numbers are those of its place among them: batches
    change no sample, up to rounding. A prompt with more copies than ``rows`` is a batch of its own.

    Attributes
    ----------
    engine : callable
        Engine that decodes a batch.
    rows : int
        Most responses of a batch, of all roles together.
    """

    engine: Engine
    rows: int

    def __post_init__(self):
        if self.rows < 1:
            raise NashsimError(f"rows: a whole number >= 1 is needed, found {self.rows}")

    def __call__(
        self, policy: CausalPolicy, prompts: Sequence[Sequence[int]], roles: Mapping[str, Role], length: int
    ) -> dict[str, Drawn]:
        """Return one response a prompt from every role."""
        prompts = [tuple(prompt) for prompt in prompts]
        batches = self._batches(prompts, max(self.rows // max(len(roles), 1), 1))
        if len(batches) < 2:
            return self.engine(policy, prompts, roles, length)
        parts = []
        for places in batches:
            few = {name: _of_rows(role, places, len(prompts)) for name, role in roles.items()}
            parts.append(self.engine(policy, [prompts[i] for i in places], few, length))
        order = torch.tensor([i for places in batches for i in places]).argsort()
        return {name: _joined(prompts, [part[name] for part in parts], order, policy) for name in roles}

    @staticmethod
    def _batches(prompts: list[tuple[int, ...]], rows: int) -> list[list[int]]:
        groups: dict[tuple[int, ...], list[int]] = {}
        for i, prompt in enumerate(prompts):
            groups.setdefault(prompt, []).append(i)
        batches: list[list[int]] = []
        for group in groups.values():
            if batches and len(batches[-1]) + len(group) <= rows:
                batches[-1] += group
            else:
                batches.append(list(group))
        return batches


def _joined(prompts, parts: list[Drawn], order: torch.Tensor, policy: CausalPolicy) -> Drawn:
    """One batch of the parts, in the order of the prompts."""
    responses = [response for part in parts for response in part.sequences.responses()]
    width = max(part.sequences.response.shape[1] for part in parts)
    answered = padded([responses[i] for i in order], policy.pad, width=width)
    sequences = Sequences(*padded(prompts, policy.pad, "left"), *answered).to(policy.device)
    log_probs = torch.cat([part.log_probs for part in parts])
    return Drawn(sequences, log_probs[order.to(log_probs.device)])


def _of_rows(role: Role, places: list[int], count: int) -> Role:
    """A role for some rows: weights that differ between rows are those of the rows."""
    weights = {}
    for name, weight in role.weights.items():
        one = isinstance(weight, int | float) or getattr(weight, "ndim", 1) == 0
        if not one and len(weight) != count:
            raise NashsimError(
                f"weights: one a prompt is needed for {name!r}, found {len(weight)} for {count}"
            )
        weights[name] = weight if one else [float(weight[i]) for i in places]
    return replace(role, weights=weights)
