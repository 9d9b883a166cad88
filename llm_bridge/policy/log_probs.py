"""What a policy computes of its model: log-probabilities of whole responses, of the next token, hidden states.

Chunked over tokens, so that logits never hold more than a stated number of bytes.
"""

from __future__ import annotations

import torch
from torch.utils.checkpoint import checkpoint

from nashsim.errors import NashsimError

from .sequences import position_ids


class Reader(torch.nn.Module):
    """What a policy computes of its model, in one module so that other weights can be called through it."""

    def __init__(self, causal, temperature: float, chunk_bytes: int):
        super().__init__()
        self.causal, self.temperature, self.chunk_bytes = causal, temperature, chunk_bytes
        # Soft caps and logit scales (Gemma, Cohere) sit between head and logits: trust the head only where it is all.
        with torch.no_grad():
            ids = torch.zeros(1, 2, dtype=torch.long, device=next(causal.parameters()).device)
            self._plain_head = torch.equal(self._head(self._hidden(ids)), causal(input_ids=ids).logits)

    def _hidden(self, ids, **kwargs):
        return self.causal.base_model(input_ids=ids, **kwargs)[0]

    def _head(self, hidden):
        return self.causal.get_output_embeddings()(hidden)

    def forward(self, what: str, *args, **kwargs):
        return getattr(self, what)(*args, **kwargs)

    def normalise(self, logits):
        """log softmax at the policy's temperature, in float32 at least."""
        wide = torch.promote_types(logits.dtype, torch.float32)
        return (logits.to(wide) / self.temperature).log_softmax(-1)

    def log_probs(self, ids, mask, count: int):
        """Log-probabilities of the last ``count`` tokens, shape (batch, count)."""
        wide = torch.promote_types(self.causal.dtype, torch.float32)
        token_bytes = self.causal.config.vocab_size * torch.finfo(wide).bits // 8
        tokens = self.chunk_bytes // token_bytes
        if tokens < (1 if self._plain_head else count + 1):
            raise NashsimError(
                f"chunk_bytes: logits need {token_bytes * (1 if self._plain_head else count + 1)} bytes at least,"
                f" found {self.chunk_bytes}"
            )
        keep = {"attention_mask": mask.long(), "position_ids": position_ids(mask), "use_cache": False}
        if not self._plain_head:
            rows = tokens // (count + 1)
            parts = [
                self._recomputed(self._full, ids[i : i + rows], count, {k: v[i : i + rows] if k != "use_cache" else v
                                                                        for k, v in keep.items()})
                for i in range(0, len(ids), rows)
            ]  # fmt: skip
            return torch.cat(parts)
        hidden = self._hidden(ids, **keep)[:, -count - 1 : -1].flatten(0, 1)
        chosen = ids[:, ids.shape[1] - count :].flatten()
        if len(chosen) <= tokens:
            return self._chosen(hidden, chosen).view(len(ids), count)
        parts = [
            self._recomputed(self._chosen, hidden[i : i + tokens], chosen[i : i + tokens])
            for i in range(0, len(chosen), tokens)
        ]
        return torch.cat(parts).view(len(ids), count)

    def hidden(self, ids, mask):
        """Last hidden states, shape (batch, positions, width)."""
        return self._hidden(ids, attention_mask=mask.long(), position_ids=position_ids(mask), use_cache=False)

    def _chosen(self, hidden, ids):
        return self.normalise(self._head(hidden)).gather(-1, ids[..., None])[..., 0]

    def _full(self, ids, count, keep):
        logits = self.causal(input_ids=ids, logits_to_keep=count + 1, **keep).logits[:, -count - 1 : -1]
        return self.normalise(logits).gather(-1, ids[:, ids.shape[1] - count :, None])[..., 0]

    @staticmethod
    def _recomputed(function, *args):
        # Autograd would keep every chunk's logits to the end; checkpointing holds one at a time.
        if torch.is_grad_enabled():
            return checkpoint(function, *args, use_reentrant=False)
        return function(*args)

    def next(self, ids, mask, positions, cache=None, use_cache: bool = True):
        """Log-probabilities of the token after ``ids``, shape (batch, vocabulary), and the cache."""
        out = self.causal(
            input_ids=ids,
            attention_mask=mask.long(),
            position_ids=positions,
            past_key_values=cache,
            use_cache=use_cache,
            logits_to_keep=1,
        )
        return self.normalise(out.logits[:, -1]), out.past_key_values if use_cache else None
