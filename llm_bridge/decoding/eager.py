"""One batched decode loop for every role of a step: policies, past iterates, mixtures of their logits, explorers.

Token t of a row is drawn from p ∝ exp(sum_k w_k log pi_k(. | x, y_<t)) over named policies k, the weights a row's own.
Each policy keeps a cache of its own, on the rows that give it weight. A row's random numbers are a function of its
role's name and seed, its prompt and its place among equal prompts: other rows do not change a sample.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
import torch

from nashsim.errors import NashsimError, unknown_name
from nashsim.rules import POLICY, REFERENCE

from ..policy.causal_policy import CausalPolicy
from ..policy.sequences import Sequences, left_aligned, padded, position_ids


@dataclass(frozen=True)
class Role:
    """Who speaks: log p(token) = sum_k weights[k] log pi_k(token) + const.

    Attributes
    ----------
    weights : mapping of str to float or sequence of float
        Over named policies, one number or one a row; they sum to 1, and may be negative (a tilt away).
    seed : int
    greedy : bool
        Whether the likeliest token is taken instead of a random one.
    """

    weights: Mapping[str, float | Sequence[float]]
    seed: int = 0
    greedy: bool = False


def pure(name: str = POLICY, seed: int = 0) -> Role:
    """Return the role of one named policy.

    Parameters
    ----------
    name : str
    seed : int
    """
    return Role({name: 1.0}, seed)


def mixture(coefficient, seed: int = 0, policy: str = POLICY, other: str = REFERENCE) -> Role:
    """Return the token-level geometric mixture pi^(1-c) other^c of Nash-MD-PG.

    It is not the mixture of whole responses, which ``sequence_mixture`` draws [derived].

    Parameters
    ----------
    coefficient : float or sequence of float
        c, one number or one a row: 0 is the policy, 1 the other.
    seed : int
    policy, other : str

    Examples
    --------
    >>> mixture(0.25).weights
    {'policy': 0.75, 'reference': 0.25}
    """
    c = np.asarray(coefficient, dtype=float)
    if not ((c >= 0) & (c <= 1)).all():
        raise NashsimError(f"coefficient: a weight in [0, 1] is needed, found {coefficient!r}")
    return Role({policy: _plain(1 - c), other: _plain(c)}, seed)


def _plain(numbers: np.ndarray):
    return float(numbers) if numbers.ndim == 0 else numbers.tolist()


@dataclass(frozen=True, eq=False)
class Drawn:
    """What a role said.

    Attributes
    ----------
    sequences : Sequences
        Responses end with EOS, or are cut off at the length allowed.
    log_probs : Tensor, shape (batch,)
        log-probability of each response under the role's own token-level distribution.
    """

    sequences: Sequences
    log_probs: torch.Tensor


#: The contract of any sampler, this loop, ``generate`` or an inference engine:
#: ``engine(policy, prompts, roles, length) -> {role: Drawn}``.
Engine = Callable[[CausalPolicy, Sequence[Sequence[int]], Mapping[str, Role], int], dict[str, Drawn]]


def sample(
    policy: CausalPolicy,
    prompts: Sequence[Sequence[int]],
    roles: Mapping[str, Role],
    length: int,
    *,
    side: str = "left",
    use_cache: bool = True,
    allowed: torch.Tensor | None = None,
) -> dict[str, Drawn]:
    """Return one response a prompt from every role, all in one loop.

    Parameters
    ----------
    policy : CausalPolicy
    prompts : sequence of sequences of int
        Token ids; repeat a prompt for more responses to it.
    roles : mapping of str to Role
    length : int
        Most tokens of a response, EOS included.
    side : str
        Of the prompts' padding; nothing depends on it.
    use_cache : bool
        False computes every prefix again: the same responses, slowly.
    allowed : Tensor of bool or None, shape (prompts, vocabulary)
        First tokens that are permitted, for constrained decoding; log-probabilities are those of the constrained role.

    Returns
    -------
    dict of str to Drawn

    Raises
    ------
    NashsimError
        For an unknown policy, weights that do not sum to 1, no room for a token, or no permitted token.

    Examples
    --------
    ``sample(policy, prompts, {"y": pure(), "opponent": mixture(0.125, seed=1)}, 48)``
    """
    if length < 1 or not prompts or not roles:
        raise NashsimError("prompts, roles, length: at least one of each is needed")
    weights = role_weights(policy, roles, len(prompts))
    ids, mask = left_aligned(*padded([p for _ in roles for p in prompts], policy.pad, side))
    uniform = np.concatenate([uniforms(role.seed, prompts, length, name) for name, role in roles.items()])
    device = policy.device
    greedy = greedy_rows(roles, len(prompts), device)
    permitted = None if allowed is None else allowed.to(device).bool().repeat(len(roles), 1)
    loop = _Loop(policy, ids.to(device), mask.to(device), weights, use_cache)
    uniform = torch.as_tensor(uniform, device=device)
    drawn = loop.draw(uniform, greedy, permitted)
    # What comes out of inference mode may not be part of a loss; copies may.
    response, response_mask, log_probs = (part.clone() for part in drawn)
    ids, mask = ids.to(device), mask.to(device)
    drawn = {}
    for i, name in enumerate(roles):
        rows = slice(i * len(prompts), (i + 1) * len(prompts))
        parts = Sequences(ids[rows], mask[rows], response[rows], response_mask[rows])
        drawn[name] = Drawn(parts, log_probs[rows])
    return drawn


def role_weights(policy: CausalPolicy, roles: Mapping[str, Role], count: int) -> dict[str, torch.Tensor]:
    """Return the weight of every named policy on every row, each of shape (roles * prompts,).

    Parameters
    ----------
    policy : CausalPolicy
    roles : mapping of str to Role
    count : int
        Prompts.

    Raises
    ------
    NashsimError
        For an unknown policy, or weights that do not fit the prompts or do not sum to 1.
    """
    table = {}
    for i, (role_name, role) in enumerate(roles.items()):
        total = np.zeros(count)
        for name, weight in role.weights.items():
            if name not in policy.names:
                raise unknown_name("policy", name, policy.names)
            if np.ndim(weight) and len(weight) != count:
                raise NashsimError(f"roles: {role_name!r} needs {count} weights, found {len(weight)}")
            row = np.broadcast_to(np.asarray(weight, dtype=float), count)
            table.setdefault(name, np.zeros(count * len(roles)))[i * count : (i + 1) * count] = row
            total = total + row
        if np.abs(total - 1).max() > 1e-9:
            raise NashsimError(f"roles: the weights of {role_name!r} must sum to 1, found {role.weights}")
    return {name: torch.as_tensor(w, device=policy.device) for name, w in table.items() if w.any()}


def greedy_rows(roles: Mapping[str, Role], count: int, device) -> torch.Tensor | None:
    """Return which rows take the likeliest token, shape (roles * prompts,), or None where none does.

    Parameters
    ----------
    roles : mapping of str to Role
    count : int
        Prompts.
    device : torch.device
    """
    each = [role.greedy for role in roles.values()]
    return torch.as_tensor(np.repeat(each, count), device=device) if any(each) else None


def uniforms(seed: int, prompts: Sequence[Sequence[int]], count: int, purpose: str) -> np.ndarray:
    """Return random numbers that depend on seed, purpose, prompt and its place among equal prompts alone.

    Parameters
    ----------
    seed : int
    prompts : sequence of sequences of int
    count : int
        Numbers a row; a larger count begins with the same.
    purpose : str
        The role's name: two roles of one seed are independent.

    Returns
    -------
    ndarray, shape (prompts, count)
    """
    seen: dict[tuple, int] = {}
    rows, purpose = [], crc32(purpose.encode())
    for prompt in prompts:
        key = tuple(map(int, prompt))
        seen[key] = occurrence = seen.get(key, -1) + 1
        words = [seed, purpose, len(key), crc32(np.array(key, dtype=np.int64).tobytes()), occurrence]
        rows.append(np.random.Generator(np.random.Philox(words)).random(count))
    return np.array(rows)


class _Loop:
    """The state of decoding: rows so far, and each policy's rows and cache."""

    def __init__(self, policy, ids, mask, weights, use_cache):
        self.policy, self.ids, self.mask, self.use_cache = policy, ids, mask, use_cache
        self.weights = weights
        self.rows = {name: torch.nonzero(w).squeeze(1) for name, w in weights.items()}
        self.caches = dict.fromkeys(weights)

    @torch.inference_mode()
    def draw(self, uniform, greedy, permitted):
        """Return responses, their mask and log-probabilities; stops when every row has ended."""
        policy, count = self.policy, len(self.ids)
        alive = torch.ones(count, dtype=torch.bool, device=self.ids.device)
        log_probs = torch.zeros(count, dtype=torch.float64, device=self.ids.device)
        tokens, masks = [], []
        for t in range(uniform.shape[1]):
            table = self._mixed()
            if t == 0 and permitted is not None:
                if not permitted.any(1).all():
                    raise NashsimError("allowed: every prompt needs a permitted first token")
                table = table.masked_fill(~permitted, -torch.inf).log_softmax(-1)
            chosen, gained, going = next_token(table, uniform[:, t], greedy, alive, policy.pad, policy.eos)
            log_probs += gained
            tokens.append(chosen)
            masks.append(alive)
            self.ids = torch.cat([self.ids, chosen[:, None]], 1)
            # A row that has ended goes on as padding: seen by nobody but itself.
            self.mask = torch.cat([self.mask, alive[:, None]], 1)
            alive = going
            if not alive.any():
                break
        return torch.stack(tokens, 1), torch.stack(masks, 1), log_probs

    def _mixed(self) -> torch.Tensor:
        """log p of the next token of every row, float64, shape (rows, vocabulary)."""
        total = None
        positions = position_ids(self.mask)
        for name, weight in self.weights.items():
            rows, cache = self.rows[name], self.caches[name]
            new = slice(-1, None) if cache is not None else slice(None)
            found, self.caches[name] = self.policy.run(
                name,
                "next",
                self.ids[rows, new],
                self.mask[rows],
                positions[rows, new],
                cache,
                self.use_cache,
            )
            if total is None:
                total = torch.zeros(len(self.ids), found.shape[1], dtype=torch.float64, device=found.device)
            total.index_add_(0, rows, weight[rows, None] * found.double())
        return total.log_softmax(-1)


def inverse_cdf(table: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
    """Return the first token whose cumulative probability exceeds the uniform number; shape (rows,).

    Parameters
    ----------
    table : Tensor, shape (rows, vocabulary)
        log-probabilities.
    uniform : Tensor, shape (rows,)
        In [0, 1).

    Examples
    --------
    >>> inverse_cdf(torch.tensor([[0.25, 0.0, 0.75]]).log().expand(2, 3), torch.tensor([0.2, 0.25])).tolist()
    [0, 2]
    """
    cumulative = table.double().exp().cumsum(-1)
    total = cumulative[:, -1]
    # Rounded up to the whole sum, no token's cumulative probability would exceed it.
    wanted = torch.minimum(uniform.double() * total, total.nextafter(torch.zeros_like(total)))
    found = torch.searchsorted(cumulative, wanted[:, None], right=True)[:, 0]
    # Of a row that is not a number any token will do: the trainer refuses it by its loss, with the batch saved.
    return found.clamp(max=table.shape[1] - 1)


def choose(table: torch.Tensor, uniform: torch.Tensor, greedy: torch.Tensor | None) -> torch.Tensor:
    """Return a token a row: drawn by its uniform number, or the likeliest where the row is greedy.

    Parameters
    ----------
    table : Tensor, shape (rows, vocabulary)
        log-probabilities.
    uniform : Tensor, shape (rows,)
    greedy : Tensor of bool, shape (rows,), or None
        ``None`` where no row is.
    """
    drawn = inverse_cdf(table, uniform)
    return drawn if greedy is None else torch.where(greedy, table.argmax(-1), drawn)


def next_token(table, uniform, greedy, alive, pad: int, eos: int) -> tuple[torch.Tensor, ...]:
    """Return each row's token, its log-probability, and whether the row goes on; ended rows have padding and 0.

    Parameters
    ----------
    table, uniform, greedy
        As for ``choose``.
    alive : Tensor of bool, shape (rows,)
    pad, eos : int
    """
    chosen = torch.where(alive, choose(table, uniform, greedy), pad)
    gained = torch.where(alive, table.gather(1, chosen[:, None])[:, 0], 0.0)
    return chosen, gained, alive & (chosen != eos)


def generate_engine(
    policy: CausalPolicy, prompts, roles: Mapping[str, Role], length: int
) -> dict[str, Drawn]:
    """Return responses by the model's own ``generate``: the hook's contract kept for roles of the policy alone.

    Seeds are torch's, one a role, so that samples do depend on the batch; log-probabilities are the policy's.

    Parameters
    ----------
    policy : CausalPolicy
    prompts, roles, length
        As for ``sample``.

    Raises
    ------
    NashsimError
        For a role that is not the policy alone.
    """
    drawn = {}
    ids, mask = padded(prompts, policy.pad, "left")
    ids, mask = ids.to(policy.device), mask.to(policy.device)
    for name, role in roles.items():
        if {k for k, w in role.weights.items() if np.any(w)} != {POLICY}:
            raise NashsimError(f"roles: generate knows the policy alone, {name!r} asks for {role.weights}")
        options = {"do_sample": False} if role.greedy else {
            "do_sample": True, "temperature": policy.temperature, "top_k": 0, "top_p": 1.0
        }  # fmt: skip
        cuda = [policy.device] if policy.device.type == "cuda" else []
        with torch.random.fork_rng(devices=cuda), torch.no_grad():
            torch.manual_seed(role.seed)
            out = policy.model.generate(
                input_ids=ids,
                attention_mask=mask.long(),
                max_new_tokens=length,
                eos_token_id=policy.eos,
                pad_token_id=policy.pad,
                **options,
            )
        response = out[:, ids.shape[1] :]
        ended = (response == policy.eos).long().cumsum(1)
        # EOS itself belongs to the response, what follows it does not.
        real = (ended - (response == policy.eos).long()) == 0
        parts = Sequences(ids, mask, response, real)
        with torch.no_grad():
            drawn[name] = Drawn(parts, policy.sequence_log_probs(parts))
    return drawn
