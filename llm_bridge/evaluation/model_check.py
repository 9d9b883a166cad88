"""Whether a model's numbers here are those of its own plain forward: log-probabilities, samples, gradients."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from nashsim.errors import NashsimError, first_line
from nashsim.rules import POLICY

from ..decoding.eager import sample
from ..decoding.roles import mixture, pure
from ..policy.causal_policy import CausalPolicy
from ..policy.sequences import Sequences

#: Tokens of prompt and response of the rows that are compared: short and long ones side by side.
LENGTHS = ((3, 9), (11, 4), (1, 14), (17, 2), (6, 7))
#: Most tokens of a response that is drawn.
DRAWN = 12
#: Deviations of rounding that are taken for rounding [ours]; faults of masks and positions are thousands.
DEVIATIONS = 8.0
#: Most weights whose gradients are compared: of larger models some matrices, from the first to the last.
GRADIENTS = 50_000_000


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes
    ----------
    check : str
        What was compared.
    holds : bool or None
        Whether it holds; ``None`` where it could not be tried.
    error, bound : float or None
        Largest difference, in nats or relative, and how large rounding may make it.
    detail : str
        What else is to be said.
    """

    check: str
    holds: bool | None
    error: float | None = None
    bound: float | None = None
    detail: str = ""


class Probe:
    """Rows of random tokens, with log-probabilities of the model's own forward on each without padding.

    Parameters
    ----------
    policy : CausalPolicy
        Policy whose live weights are checked; it stays as it is.
    rows : sequence of (int, int)
        Tokens of prompt and of response; rows beyond the model's context are left out.
    seed : int
        Seed of the tokens.

    Attributes
    ----------
    bound : float
        Difference of two log-probabilities of a response that rounding explains, in nats.

    Notes
    -----
    Each of the 2 L + 1 sublayers rounds its input to a relative eps, that of the model's type or of float32, in which
    rotary angles and recurrent states are kept. One such rounding is made at the embedding, at random, and its effect
    measured; independent ones add up to sqrt(2 L + 1) of it, and ``DEVIATIONS`` of that are allowed.
    """

    def __init__(self, policy: CausalPolicy, rows: Sequence[tuple[int, int]] = LENGTHS, seed: int = 0):
        self.policy = policy
        bounds = (policy.module.context, getattr(policy.config, "max_position_embeddings", None))
        context = min((b for b in bounds if b is not None and b > 0), default=math.inf)
        rows = [row for row in rows if sum(row) <= context]
        if len(rows) < 2:
            raise NashsimError(f"model: its context of {context} tokens has no room for a check")
        draw = torch.Generator().manual_seed(seed)
        usual = torch.tensor([k for k in range(policy.vocabulary) if k not in (policy.pad, *policy.ends)])

        def tokens(count: int) -> tuple[int, ...]:
            return tuple(usual[torch.randint(len(usual), (count,), generator=draw)].tolist())

        self.prompts = [tokens(n) for n, _ in rows]
        self.responses = [(*tokens(n - 1), policy.eos) for _, n in rows]
        self.length = int(min(DRAWN, context - max(n for n, _ in rows)))
        eps = max(torch.finfo(policy.module.causal.dtype).eps, torch.finfo(torch.float32).eps)
        layers = getattr(policy.config, "num_hidden_layers", None) or 1
        self._eps, self.deviations = eps, DEVIATIONS * math.sqrt(2 * layers + 1)
        with torch.no_grad():
            self.exact = self.plain(self.prompts, self.responses)
            moved = [self.plain(self.prompts, self.responses, rounded=seed) for seed in (1, 2)]
        noise = max(float((other - self.exact).abs().max()) for other in moved)
        # Of a distribution that is certain, or whose embedding does not matter, the log-probability itself is rounded.
        self.bound = self.deviations * max(noise, eps * float(self.exact.abs().max()))

    def plain(self, prompts, responses, rounded: int | None = None) -> torch.Tensor:
        """Return log pi(y | x) of every row by the model's own forward, shape (rows,), float64.

        Parameters
        ----------
        prompts, responses : sequence of sequences of int
            Token ids of every row.
        rounded : int or None
            Seed of a rounding of the embeddings; ``None`` makes none.
        """
        with self._rounding(rounded):
            return torch.stack([self._plain(x, y) for x, y in zip(prompts, responses, strict=True)])

    def _plain(self, prompt, response) -> torch.Tensor:
        ids = torch.tensor([[*prompt, *response]], device=self.policy.device)
        logits = self.policy.run(POLICY, "logits", ids)[0, len(prompt) - 1 : -1]
        table = (logits.double() / self.policy.temperature).log_softmax(-1)
        return table.gather(1, ids[0, len(prompt) :, None]).sum()

    @contextmanager
    def _rounding(self, seed: int | None) -> Iterator[None]:
        if seed is None:
            yield
            return
        draw = torch.Generator().manual_seed(seed)

        def move(_, __, found):
            sign = torch.randint(0, 2, found.shape, generator=draw).to(found) * 2 - 1
            return found * (1 + self._eps * sign)

        module = self.policy.module_of(POLICY)
        handle = module.causal.get_input_embeddings().register_forward_hook(move)
        try:
            yield
        finally:
            handle.remove()

    def near(self, check: str, found: torch.Tensor, exact: torch.Tensor, detail: str = "") -> Finding:
        """Return whether log-probabilities are those of plain forwards, up to rounding.

        Parameters
        ----------
        check : str
            What was compared.
        found, exact : Tensor, shape (rows,)
            Log-probabilities of responses.
        detail : str
            What else is to be said.
        """
        error = float((found.detach().double() - exact).abs().max())
        return Finding(check, error <= self.bound, error, self.bound, detail)


def quick_check(policy: CausalPolicy) -> str:
    """Hold padded log-probabilities and a short decode against plain forwards; return the sentence that says so.

    Parameters
    ----------
    policy : CausalPolicy
        Policy whose live weights are checked; it stays as it is.

    Raises
    ------
    NashsimError
        Where they differ by more than rounding.
    """
    with torch.no_grad(), policy.gathered([POLICY]):
        probe = Probe(policy, LENGTHS[:2])
        rows = Sequences.of(probe.prompts, probe.responses, policy.pad)
        found = probe.near("padded log p", policy.sequence_log_probs(rows), probe.exact)
        drawn = sample(policy, probe.prompts, {"check": pure()}, min(probe.length, 6))["check"]
        exact = probe.plain(probe.prompts, drawn.sequences.responses())
        decoded = probe.near("log p of a short decode", drawn.log_probs, exact)
    for finding in (found, decoded):
        if not finding.holds:
            raise NashsimError(
                f"model: its {finding.check} is off its own plain forward by {finding.error:.2g} nats, where rounding"
                f" explains {finding.bound:.2g}; set model.padding: right, and see `llm-bridge check`"
            )
    return f"padded rows and a short decode agree with plain forwards to {max(found.error, decoded.error):.1g} nats"


def check_numbers(policy: CausalPolicy, *, compiled: bool = True) -> Iterator[Finding]:
    """Yield the findings on log-probabilities, samples and gradients; the policy stays as it is.

    Parameters
    ----------
    policy : CausalPolicy
        Policy whose live weights are checked.
    compiled : bool
        Whether the compiled engine is tried too, which takes seconds for compilation.
    """
    probe = Probe(policy)
    yield from _log_probs(probe)
    yield from _samples(probe)
    yield _compiled(probe) if compiled else Finding("compiled samples", None, detail="not asked for")
    yield _gradients(probe)


@torch.no_grad()
def _log_probs(probe: Probe) -> Iterator[Finding]:
    policy = probe.policy
    for side in ("left", "right"):
        rows = Sequences.of(probe.prompts, probe.responses, policy.pad, side)
        yield probe.near(f"log p, given padded on the {side}", policy.sequence_log_probs(rows), probe.exact)
    alone = [
        policy.sequence_log_probs(Sequences.of([x], [y], policy.pad))[0]
        for x, y in zip(probe.prompts, probe.responses, strict=True)
    ]
    yield probe.near("log p, each row alone", torch.stack(alone), probe.exact)


def _roles() -> dict:
    return {"y": pure(seed=3), "mixed": mixture(0.25, seed=4)}


def _samples(probe: Probe) -> Iterator[Finding]:
    policy, prompts = probe.policy, [x for x in probe.prompts for _ in range(2)]
    cached = sample(policy, prompts, _roles(), probe.length)
    said = cached["y"].sequences.responses()
    with torch.no_grad():
        exact = probe.plain(prompts, said)
        yield probe.near("log p of samples as drawn", cached["y"].log_probs, exact)
        yield probe.near(
            "log p of samples as scored", policy.sequence_log_probs(cached["y"].sequences), exact
        )
    if policy.module.padding == "left":
        whole = sample(policy, prompts, _roles(), probe.length, use_cache=False)
        yield _same(probe, "samples with and without a cache", cached, whole)
    else:
        yield Finding("samples with and without a cache", None, detail="decodes without one")
    alone = [sample(policy, [x, x], _roles(), probe.length) for x in probe.prompts]
    parts = {name: [y for one in alone for y in one[name].sequences.responses()] for name in _roles()}
    same = all(parts[name] == cached[name].sequences.responses() for name in parts)
    yield Finding("samples alone and in a batch", same if _exact(probe) else None, detail=_told(probe))


def _same(probe: Probe, check: str, first: dict, second: dict) -> Finding:
    """Whether two decodes under one seed drew the same."""
    if not _exact(probe):
        found = {name: second[name].log_probs for name in second}["y"]
        exact = probe.plain([x for x in probe.prompts for _ in range(2)], second["y"].sequences.responses())
        return probe.near(check, found, exact, "compared by log p: rounding of this type changes draws")
    same = all(first[n].sequences.responses() == second[n].sequences.responses() for n in first)
    return Finding(check, same)


def _exact(probe: Probe) -> bool:
    return probe.policy.module.causal.dtype in (torch.float32, torch.float64)


def _told(probe: Probe) -> str:
    return "" if _exact(probe) else "not compared: rounding of this type changes draws"


def _compiled(probe: Probe) -> Finding:
    from ..decoding.engines import make_engine

    check, prompts = "compiled samples", [x for x in probe.prompts for _ in range(2)]
    role = {"y": pure(seed=3)}  # one policy: a second would be compiled for as long again
    try:
        found = make_engine("compiled")(probe.policy, prompts, role, probe.length)
    except NashsimError as error:
        return Finding(check, None, detail=f"refused: {error}")
    except RuntimeError as error:  # of torch, whose compiler has an opinion on every model
        return Finding(check, False, detail=first_line(error)[:160])
    with torch.no_grad():
        return _same(probe, check, sample(probe.policy, prompts, role, probe.length), found)


def _gradients(probe: Probe) -> Finding:
    """Gradients of the sum of all log-probabilities, ||ours - theirs|| / ||theirs||, beside that of a rounding."""
    policy = probe.policy
    weights = policy.parameters()
    if sum(w.numel() for w in weights) > GRADIENTS:
        weights = weights[:: max(len(weights) // 8, 1)]
    if not weights:
        return Finding("gradients", None, detail="no weights train")

    def gradients(compute: Callable[[], torch.Tensor]) -> torch.Tensor:
        found = torch.autograd.grad(compute().sum(), weights, allow_unused=True)
        parts = zip(found, weights, strict=True)
        return torch.cat([(torch.zeros_like(w) if g is None else g).flatten().double() for g, w in parts])

    rows = Sequences.of(probe.prompts, probe.responses, policy.pad)
    with torch.enable_grad():
        mine = gradients(lambda: policy.sequence_log_probs(rows))
        theirs = gradients(lambda: probe.plain(probe.prompts, probe.responses))
        moved = gradients(lambda: probe.plain(probe.prompts, probe.responses, rounded=1))
    size = theirs.norm()
    error = float((mine - theirs).norm() / size)
    bound = probe.deviations * max(float((moved - theirs).norm() / size), probe._eps)
    detail = "" if size.isfinite() else "those of its own forward are not finite"
    return Finding("gradients", error <= bound, error, bound, detail)
