"""What a decode is asked for and returns: roles, the batch of all of them, the responses of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
import torch

from nashsim.errors import NashsimError, unknown_name
from nashsim.rules import POLICY, REFERENCE

from ..policy.causal_policy import CausalPolicy
from ..policy.sequences import Sequences, padded


@dataclass(frozen=True)
class Role:
    """The policy of a response: log p(token) = sum_k weights[k] log pi_k(token) + const.

    Attributes
    ----------
    weights : mapping of str to float or sequence of float
        Weights of named policies, one number or one a row; they sum to 1, and may be negative (a tilt away).
    seed : int
        Seed of the random numbers.
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
        Name of the policy.
    seed : int
        Seed of the random numbers.
    """
    return Role({name: 1.0}, seed)


def mixture(coefficient, seed: int = 0, policy: str = POLICY, other: str = REFERENCE) -> Role:
    """Return the token-level geometric mixture pi^(1-c) other^c of Nash-MD-PG.

    It is not the mixture of whole responses, which ``sequence_mixture`` draws [derived].

    Parameters
    ----------
    coefficient : float or sequence of float
        Weight c, one number or one a row: 0 is the policy, 1 the other.
    seed : int
        Seed of the random numbers.
    policy, other : str
        Names of the two policies.

    Examples
    --------
    >>> mixture(0.25).weights
    {'policy': 0.75, 'reference': 0.25}
    """
    c = np.asarray(coefficient, dtype=float)
    if not ((c >= 0) & (c <= 1)).all():
        raise NashsimError(f"coefficient: a weight in [0, 1] is needed, found {coefficient!r}")
    return Role({policy: (1 - c).tolist(), other: c.tolist()}, seed)


@dataclass(frozen=True, eq=False)
class Drawn:
    """The responses of a role.

    Attributes
    ----------
    sequences : Sequences
        Prompts and responses; these end with EOS, or are cut off at the length allowed.
    log_probs : Tensor, shape (batch,)
        Log-probability of each response under the role's own token-level distribution.
    """

    sequences: Sequences
    log_probs: torch.Tensor


#: The contract of any sampler, the eager loop, the compiled one or an inference engine:
#: ``engine(policy, prompts, roles, length) -> {role: Drawn}``.
Engine = Callable[[CausalPolicy, Sequence[Sequence[int]], Mapping[str, Role], int], dict[str, Drawn]]


@dataclass(frozen=True, eq=False)
class RoleBatch:
    """The rows of all roles, the prompts of one after those of another.

    Attributes
    ----------
    names : tuple of str
        Roles in their order.
    ids, mask : Tensor, shape (rows, prompt tokens)
        Prompts, padded on the left.
    weights : dict of str to Tensor, shape (rows,)
        Weight of every named policy on every row.
    uniform : Tensor, shape (rows, length)
        Random numbers in [0, 1), one a token.
    greedy : Tensor of bool, shape (rows,), or None
        Rows that take the likeliest token; ``None`` where none does.
    """

    names: tuple[str, ...]
    ids: torch.Tensor
    mask: torch.Tensor
    weights: dict[str, torch.Tensor]
    uniform: torch.Tensor
    greedy: torch.Tensor | None

    @classmethod
    def of(cls, policy: CausalPolicy, prompts, roles: Mapping[str, Role], length: int, multiple: int = 1):
        """Return the batch of roles.

        Parameters
        ----------
        policy : CausalPolicy
            Policy with all that the roles name.
        prompts : sequence of sequences of int
            Token ids of every prompt.
        roles : mapping of str to Role
            Roles by name.
        length : int
            Most tokens of a response.
        multiple : int
            Number that the width of the prompts is a multiple of.

        Raises
        ------
        NashsimError
            For an unknown policy, weights that do not fit the prompts or do not sum to 1, or nothing to draw.
        """
        if length < 1 or not prompts or not roles:
            raise NashsimError("prompts, roles, length: at least one of each is needed")
        weights, device = _weights(policy, roles, len(prompts)), policy.device
        longest = max(map(len, prompts))
        policy.module.check_context(longest + length)
        width = -(-longest // multiple) * multiple
        rows = [prompt for _ in roles for prompt in prompts]
        ids, mask = (part.to(device) for part in padded(rows, policy.pad, "left", width))
        uniform = np.concatenate([uniforms(role.seed, prompts, length, name) for name, role in roles.items()])
        greedy = np.repeat([role.greedy for role in roles.values()], len(prompts))
        chosen = torch.as_tensor(greedy, device=device) if greedy.any() else None
        return cls(tuple(roles), ids, mask, weights, torch.as_tensor(uniform, device=device), chosen)

    def drawn(self, response, response_mask, log_probs) -> dict[str, Drawn]:
        """Return the responses of every role.

        Parameters
        ----------
        response : Tensor of int, shape (rows, T)
            Token ids.
        response_mask : Tensor of bool, shape (rows, T)
            Mask of the real tokens.
        log_probs : Tensor, shape (rows,)
            Log-probabilities of the responses.
        """
        every, count = (
            Sequences(self.ids, self.mask, response, response_mask),
            len(self.ids) // len(self.names),
        )
        places = [slice(i * count, (i + 1) * count) for i in range(len(self.names))]
        return {name: Drawn(every[at], log_probs[at]) for name, at in zip(self.names, places, strict=True)}


def _weights(policy: CausalPolicy, roles: Mapping[str, Role], count: int) -> dict[str, torch.Tensor]:
    """The weight of every named policy on every row, each of shape (roles * prompts,)."""
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


def uniforms(seed: int, prompts: Sequence[Sequence[int]], count: int, purpose: str) -> np.ndarray:
    """Return random numbers that depend on seed, purpose, prompt and its place among equal prompts alone.

    Parameters
    ----------
    seed : int
        Seed of the numbers.
    prompts : sequence of sequences of int
        Token ids of every prompt.
    count : int
        Numbers a row; a larger count begins with the same.
    purpose : str
        Name of the role: two roles of one seed are independent.

    Returns
    -------
    ndarray, shape (prompts, count)
    """
    counts: dict[tuple, int] = {}
    rows, purpose = [], crc32(purpose.encode())
    for prompt in prompts:
        key = tuple(map(int, prompt))
        counts[key] = occurrence = counts.get(key, -1) + 1
        words = [seed, purpose, len(key), crc32(np.array(key, dtype=np.int64).tobytes()), occurrence]
        rows.append(np.random.Generator(np.random.Philox(words)).random(count))
    return np.array(rows)
