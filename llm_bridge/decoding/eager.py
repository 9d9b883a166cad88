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
from .token_step import AS_SCORED, KeysAndValues, Precision, token_step


def sample(
    policy: CausalPolicy,
    prompts: Sequence[Sequence[int]],
    roles: Mapping[str, Role],
    length: int,
    *,
    use_cache: bool = True,
    allowed: torch.Tensor | None = None,
    precision: Precision = AS_SCORED,
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
    precision : Precision
        Precision of the products; log-probabilities are those of what was drawn from.

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
    found = _Loop(policy, batch, use_cache, precision).draw(permitted)
    # What comes out of inference mode may not be part of a loss; copies may.
    return batch.drawn(*(part.clone() for part in found))


class _Loop:
    """The state of decoding: tokens so far in tensors of their last size, and each policy's rows and cache."""

    def __init__(self, policy: CausalPolicy, batch: RoleBatch, use_cache: bool, precision: Precision):
        self.policy, self.batch = policy, batch
        rows, self.held = batch.ids.shape
        size = self.held + batch.uniform.shape[1]
        self.ids = batch.ids.new_full((rows, size), policy.pad)
        self.mask = batch.mask.new_zeros((rows, size))
        self.ids[:, : self.held], self.mask[:, : self.held] = batch.ids, batch.mask
        self.positions = position_ids(batch.mask)
        self.decoders = [
            _Decoder(policy, name, weight, size, use_cache, precision.of(name))
            for name, weight in batch.weights.items()
        ]

    @torch.inference_mode()
    def draw(self, permitted):
        """Return responses, their mask and log-probabilities; stops when every row has ended."""
        policy, uniform, greedy = self.policy, self.batch.uniform, self.batch.greedy
        alive = torch.ones(len(uniform), dtype=torch.bool, device=uniform.device)
        log_probs = torch.zeros(len(uniform), dtype=torch.float64, device=uniform.device)
        for t in range(uniform.shape[1]):
            table = self._mixed()
            if t == 0 and permitted is not None:
                if not permitted.any(1).all():
                    raise NashsimError("allowed: every prompt needs a permitted first token")
                table = table.masked_fill(~permitted, -torch.inf).log_softmax(-1)
            chosen, gained, going = next_token(table, uniform[:, t], greedy, alive, policy.pad, policy.ends)
            log_probs += gained
            # A row that has ended goes on as padding, to which it alone attends.
            self.ids[:, self.held], self.mask[:, self.held] = chosen, alive
            self.positions = self.positions[:, -1:] + alive[:, None]
            self.held, alive = self.held + 1, going
            if not alive.any():
                break
        drawn = slice(self.batch.ids.shape[1], self.held)
        return self.ids[:, drawn], self.mask[:, drawn], log_probs

    def _mixed(self) -> torch.Tensor:
        """log p of the next token of every row, float64, shape (rows, vocabulary)."""
        total, tokens = None, (self.ids[:, : self.held], self.mask[:, : self.held], self.positions)
        for decoder in self.decoders:
            found = decoder.next(*tokens).double()
            if decoder.alone:
                return found.log_softmax(-1)
            if total is None:
                total = torch.zeros(len(self.ids), found.shape[1], dtype=torch.float64, device=found.device)
            total.index_add_(0, decoder.rows, decoder.weight * found)
        return total.log_softmax(-1)


class _Decoder:
    """One named policy on the rows that give it weight: its cache, and what computes its next token."""

    def __init__(self, policy: CausalPolicy, name: str, weight, size: int, use_cache: bool, precision):
        self.policy, self.name, self.use_cache = policy, name, use_cache
        self.rows = torch.nonzero(weight).squeeze(1)
        self.every = len(self.rows) == len(weight)
        self.weight = weight[self.rows, None]
        #: Whether a row's distribution is this policy's on every row.
        self.alone = bool((weight == 1).all())
        self.step = token_step(policy, name, precision) if use_cache else None
        self.cache, self.past = None, None
        if self.step is not None and self.step.verified is False:
            self.step = None
        if self.step is not None:
            self.past = KeysAndValues(self.step, len(self.rows), size)

    def next(self, ids, mask, positions) -> torch.Tensor:
        """log pi of the next token on this policy's rows, shape (rows, vocabulary)."""
        if not self.every:
            ids, mask, positions = ids[self.rows], mask[self.rows], positions[self.rows]
        step, past = self.step, self.past
        if step is None or (step.precision is None and not past.held and self.cache is None):
            return self._own(ids, mask, positions)
        if self.cache is not None and not past.held:
            past.take(self.cache)
        held = past.held
        # Frozen weights share one module, which is to hold those of this name.
        self.policy.module_of(self.name)
        logits = step(ids[:, held:], mask, positions[:, held - ids.shape[1] :], past)
        found = self.policy.module.normalise(logits)
        if step.precision is None and step.verified is None:
            own = self._own(ids, mask, positions)
            step.verified, found = torch.equal(own, found), own
        if step.verified is False:
            self.step = self.past = None
        else:
            self.cache = None
        return found

    def _own(self, ids, mask, positions):
        """By the model's own forward."""
        if self.cache is None:
            positions = position_ids(mask)
        new = slice(-1, None) if self.cache is not None else slice(None)
        inputs = ids[:, new], mask, positions[:, new], self.cache, self.use_cache
        found, self.cache = self.policy.run(self.name, "next", *inputs)
        return found


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
