"""One batched decode loop for every role of a step: policies, past iterates, mixtures of their logits, explorers.

Token t of a row is drawn from p ∝ exp(sum_k w_k log pi_k(. | x, y_<t)) over named policies k, the weights a row's own.
Each policy keeps a cache of its own, on the rows that give it weight. A row's random numbers are a function of its
role's name and seed, its prompt and its place among equal prompts: other rows do not change a sample.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from nashsim.errors import NashsimError

from ..policy.causal_policy import CausalPolicy
from ..policy.sequences import position_ids
from .roles import Drawn, Role, RoleBatch


def sample(
    policy: CausalPolicy,
    prompts: Sequence[Sequence[int]],
    roles: Mapping[str, Role],
    length: int,
    *,
    use_cache: bool = True,
    allowed: torch.Tensor | None = None,
) -> dict[str, Drawn]:
    """Return one response a prompt from every role, all in one loop.

    Parameters
    ----------
    policy : CausalPolicy
        Policy with all that the roles name.
    prompts : sequence of sequences of int
        Token ids; repeat a prompt for more responses to it.
    roles : mapping of str to Role
        Roles by name.
    length : int
        Most tokens of a response, EOS included.
    use_cache : bool
        Whether keys and values are kept; without, every prefix is computed again: the same responses, slowly.
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
    batch = RoleBatch.of(policy, prompts, roles, length)
    permitted = None if allowed is None else allowed.to(policy.device).bool().repeat(len(roles), 1)
    found = _Loop(policy, batch, use_cache).draw(permitted)
    # What comes out of inference mode may not be part of a loss; copies may.
    return batch.drawn(*(part.clone() for part in found))


class _Loop:
    """The state of decoding: tokens so far, and each policy's rows and cache."""

    def __init__(self, policy: CausalPolicy, batch: RoleBatch, use_cache: bool):
        self.policy, self.batch, self.use_cache = policy, batch, use_cache
        self.ids, self.mask, self.weights = batch.ids, batch.mask, batch.weights
        self.rows = {name: torch.nonzero(w).squeeze(1) for name, w in self.weights.items()}
        self.caches = dict.fromkeys(self.weights)

    @torch.inference_mode()
    def draw(self, permitted):
        """Return responses, their mask and log-probabilities; stops when every row has ended."""
        policy, uniform, greedy = self.policy, self.batch.uniform, self.batch.greedy
        alive = torch.ones(len(uniform), dtype=torch.bool, device=uniform.device)
        log_probs = torch.zeros(len(uniform), dtype=torch.float64, device=uniform.device)
        tokens, masks = [], []
        for t in range(uniform.shape[1]):
            table = self._mixed()
            if t == 0 and permitted is not None:
                if not permitted.any(1).all():
                    raise NashsimError("allowed: every prompt needs a permitted first token")
                table = table.masked_fill(~permitted, -torch.inf).log_softmax(-1)
            chosen, gained, going = next_token(table, uniform[:, t], greedy, alive, policy.pad, policy.ends)
            log_probs += gained
            tokens.append(chosen)
            masks.append(alive)
            self.ids = torch.cat([self.ids, chosen[:, None]], 1)
            # A row that has ended goes on as padding, to which it alone attends.
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
            inputs = self.ids[rows, new], self.mask[rows], positions[rows, new], cache, self.use_cache
            found, self.caches[name] = self.policy.run(name, "next", *inputs)
            if total is None:
                total = torch.zeros(len(self.ids), found.shape[1], dtype=torch.float64, device=found.device)
            total.index_add_(0, rows, weight[rows, None] * found.double())
        return total.log_softmax(-1)


def inverse_cdf(table: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
    """Return the first token whose cumulative probability exceeds the uniform number; shape (rows,).

    Parameters
    ----------
    table : Tensor, shape (rows, vocabulary)
        Log-probabilities.
    uniform : Tensor, shape (rows,)
        Random numbers in [0, 1).

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


def next_token(table, uniform, greedy, alive, pad: int, ends: tuple[int, ...]) -> tuple[torch.Tensor, ...]:
    """Return each row's token, its log-probability, and whether the row goes on; ended rows have padding and 0.

    Parameters
    ----------
    table : Tensor, shape (rows, vocabulary)
        Log-probabilities.
    uniform : Tensor, shape (rows,)
        Random numbers in [0, 1).
    greedy : Tensor of bool, shape (rows,), or None
        Rows that take the likeliest token; ``None`` where none does.
    alive : Tensor of bool, shape (rows,)
        Rows that have not ended.
    pad : int
        Token id of padding.
    ends : tuple of int
        Token ids of which any ends a row.
    """
    chosen = inverse_cdf(table, uniform)
    chosen = chosen if greedy is None else torch.where(greedy, table.argmax(-1), chosen)
    chosen = torch.where(alive, chosen, pad)
    gained = torch.where(alive, table.gather(1, chosen[:, None])[:, 0], 0.0)
    for end in ends:
        alive = alive & (chosen != end)
    return chosen, gained, alive
