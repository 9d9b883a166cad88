"""What a policy computes of its model: log-probabilities of whole responses, of the next token, hidden states.

In chunks, so that logits never hold more than a stated number of bytes.
"""

from __future__ import annotations

import inspect
from functools import partial

import torch
from torch.utils.checkpoint import checkpoint

from nashsim.errors import NashsimError, first_line

from .architecture import fixed_positions, padding_of
from .sequences import position_ids


class LogProbs(torch.nn.Module):
    """Log-probabilities of a causal language model, in one module so that it can run with other weights.

    Parameters
    ----------
    causal : transformers.PreTrainedModel
        Model with a head over the vocabulary.
    temperature : float
        Number that logits are divided by.
    chunk_bytes : int
        Most memory that logits may take at once; where gradients flow, each chunk is computed again backwards.
    padding : str or None
        Side of the padding that the model is shown, whatever side it is given on; ``None`` is ``padding_of(causal)``.

    Attributes
    ----------
    known_head : bool
        Whether ``_logits`` is what the model does to its last hidden states; if so chunks are tokens, else rows.
    padding : str
        ``"left"``, with masks, position ids and a cache; or ``"right"``, which is right for any causal model: tokens
        alone are given, and every prefix is computed again for its next token.
    context : int or None
        Most tokens of a row whose positions do not depend on the longest row beside it; ``None`` is no bound.
    """

    def __init__(self, causal, temperature: float, chunk_bytes: int, padding: str | None = None):
        super().__init__()
        self.causal, self.temperature, self.chunk_bytes = causal, temperature, chunk_bytes
        if causal.dtype == torch.float64 and getattr(causal.config, "_experts_implementation", None):
            causal.set_experts_implementation("eager")  # the grouped product has no kernel for float64
        self.padding = padding or padding_of(causal)
        self.context = fixed_positions(causal.config)
        try:
            self.known_head = self._verify_head()
        except (RuntimeError, ValueError, NotImplementedError) as error:
            raise NashsimError(
                f"model: {type(causal).__name__} does not run in {causal.dtype}: {first_line(error)}"
            ) from error

    def forward(self, what: str, *args, **kwargs):
        return getattr(self, what)(*args, **kwargs)

    def _logits(self, hidden):
        """Logits of last hidden states: the head, then the scale and cap that configurations know."""
        config, logits = self.causal.config, self.causal.get_output_embeddings()(hidden)
        if scale := getattr(config, "logit_scale", None):  # Cohere
            logits = logits * scale
        if scale := getattr(config, "logits_scaling", None):  # Granite
            logits = logits / scale
        if cap := getattr(config, "final_logit_softcapping", None):  # Gemma
            logits = torch.tanh(logits / cap) * cap
        return logits

    @torch.no_grad()
    def _verify_head(self) -> bool:
        """Whether the model's own logits are ``_logits`` to the last bit, of its tokens and of random hidden states.

        Tokens alone prove nothing: padding may have no embedding, and small logits are below any cap.
        """
        head, device = self.causal.get_output_embeddings(), next(self.causal.parameters()).device
        ids = torch.arange(min(4, self.causal.config.vocab_size), device=device)[None]
        hidden = self.causal.base_model(input_ids=ids)[0]
        random = torch.randn(hidden.shape, generator=torch.Generator().manual_seed(0)).to(hidden)
        # Rescaled to largest logits from 1 to 1000; a head of zeros gives NaN, and so proves nothing either.
        sizes = torch.logspace(0, 3, ids.shape[1]).to(hidden)[:, None]
        random = random * (sizes / head(random).abs().amax(-1, keepdim=True))
        for states, hook in ((hidden, None), (random, lambda *_: (random,))):
            handle = hook and head.register_forward_pre_hook(hook)
            try:
                own = self.causal(input_ids=ids).logits
            finally:
                if handle:
                    handle.remove()
            ours = self._logits(states)
            if own.dtype != ours.dtype or not torch.equal(own, ours):
                return False
        return True

    def normalise(self, logits):
        """log softmax at the policy's temperature, in float32 at least."""
        wide = torch.promote_types(logits.dtype, torch.float32)
        return (logits.to(wide) / self.temperature).log_softmax(-1)

    def log_probs(self, ids, mask, count: int):
        """Log-probabilities of the last ``count`` tokens, shape (batch, count)."""
        wide = torch.promote_types(self.causal.dtype, torch.float32)
        token_bytes = self.causal.config.vocab_size * torch.finfo(wide).bits // 8
        row = ids.shape[1] if self.padding == "right" else count + 1
        tokens, least = self.chunk_bytes // token_bytes, 1 if self.known_head else row
        if tokens < least:
            raise NashsimError(
                f"chunk_bytes: logits need {token_bytes * least} bytes at least, found {self.chunk_bytes}"
            )
        if self.known_head:
            hidden = self.hidden(ids, mask)[:, -count - 1 : -1].flatten(0, 1)
            compute, inputs = self._of_hidden, (hidden, ids[:, ids.shape[1] - count :].flatten())
        else:
            self.check_context(mask)
            compute, inputs = partial(self._of_rows, count), (ids, mask, position_ids(mask))
        chunks = list(zip(*(part.split(tokens // least) for part in inputs), strict=True))
        if torch.is_grad_enabled() and len(chunks) > 1:
            # Autograd would keep every chunk's logits to the end; checkpointing holds one at a time.
            compute = partial(checkpoint, compute, use_reentrant=False)
        return torch.cat([compute(*chunk) for chunk in chunks]).view(len(ids), count)

    def _of_hidden(self, hidden, ids):
        return self.normalise(self._logits(hidden)).gather(-1, ids[..., None])[..., 0]

    def _of_rows(self, count, ids, mask, positions):
        if self.padding == "right":
            logits = self._right_padded(self.causal, ids, mask, slice(-count - 1, -1))
        else:
            found = self.causal(
                input_ids=ids,
                attention_mask=mask.long(),
                position_ids=positions,
                use_cache=False,
                logits_to_keep=count + 1,
            )
            logits = found.logits[:, -count - 1 : -1]
        return self.normalise(logits).gather(-1, ids[:, ids.shape[1] - count :, None])[..., 0]

    def _right_padded(self, model, ids, mask, columns: slice):
        """First output of a model at some columns of the rows, computed with all padding moved to the right."""
        order = (~mask).long().argsort(dim=1, stable=True)[:, : int(mask.sum(1).max())]
        found = model(input_ids=ids.gather(1, order), **self._no_cache)[0]
        # A token's position is its place among those of its row.
        places = position_ids(mask)[:, columns, None].expand(-1, -1, found.shape[-1])
        return found.gather(1, places)

    @property
    def _no_cache(self) -> dict:
        takes = "use_cache" in inspect.signature(self.causal.forward).parameters
        return {"use_cache": False} if takes else {}

    def hidden(self, ids, mask):
        """Last hidden states, shape (batch, positions, width)."""
        self.check_context(mask)
        if self.padding == "right":
            return self._right_padded(self.causal.base_model, ids, mask, slice(None))
        return self.causal.base_model(
            input_ids=ids, attention_mask=mask.long(), position_ids=position_ids(mask), use_cache=False
        )[0]

    def logits(self, ids):
        """Logits of rows without padding, by the model's own forward that is told nothing else."""
        return self.causal(input_ids=ids, **self._no_cache).logits

    def next(self, ids, mask, positions, cache=None, use_cache: bool = True):
        """Log-probabilities of the token after ``ids``, shape (batch, vocabulary), and the cache or None."""
        if self.padding == "right":
            model = self.causal.base_model if self.known_head else self.causal
            found = self._right_padded(model, ids, mask, slice(-1, None))
            return self.normalise((self._logits(found) if self.known_head else found)[:, 0]), None
        out = self.causal(
            input_ids=ids,
            attention_mask=mask.long(),
            position_ids=positions,
            past_key_values=cache,
            use_cache=use_cache,
            logits_to_keep=1,
        )
        return self.normalise(out.logits[:, -1]), out.past_key_values if use_cache else None

    def check_context(self, tokens) -> None:
        """Raise NashsimError for rows whose positions would depend on the longest row beside them.

        Parameters
        ----------
        tokens : int or Tensor of bool, shape (batch, positions)
            Number of tokens of the longest row, or the mask of the real ones.
        """
        if self.context is None:
            return
        tokens = int(tokens.sum(1).max()) if isinstance(tokens, torch.Tensor) else tokens
        if tokens > self.context:
            raise NashsimError(
                f"model: its rotary positions are others beyond {self.context} tokens, for all rows of a batch, found a"
                f" row of {tokens}; keep prompt and response together within {self.context} (sampling.length,"
                " sampling.context)"
            )
