"""Two models of pairwise preference on a causal language model: one of pairs, one of a reward a response.

Both give the margin s(a, b) = logit P(a ≻ b), antisymmetric to the last bit, so one loop fits them and one judge asks
them.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from nashsim.errors import NashsimError, unknown_name

from ..judges import Comparison
from ..policy.sequences import padded
from .layout import Layout

#: tokens: logit("A") - logit("B") of the language model itself; classifier: a linear head on its last hidden state.
HEADS = ("tokens", "classifier")


class _SequenceModel(torch.nn.Module):
    """A model of the last hidden states of whole sequences."""

    bradley_terry = False

    def __init__(self, backbone, layout: Layout, tokenizer=None):
        super().__init__()
        self.backbone, self.layout, self.tokenizer = backbone.eval(), layout, tokenizer

    @property
    def causal(self):
        """The Hugging Face model, without PEFT's wrapping."""
        # A model of transformers that loaded adapters has a peft_config too, but nothing is wrapped around it.
        return self.backbone.get_base_model() if hasattr(self.backbone, "get_base_model") else self.backbone

    def _linear(self) -> torch.nn.Linear:
        head = torch.nn.Linear(self.causal.config.hidden_size, 1, bias=False)
        # Zero: before training every preference is 1/2.
        torch.nn.init.zeros_(head.weight)
        return head.to(next(self.backbone.parameters()))

    def _last(self, rows: Sequence[Sequence[int]]) -> torch.Tensor:
        device = next(self.backbone.parameters()).device
        ids, mask = (part.to(device) for part in padded(rows))
        # Padding stands on the right, which a causal model never looks at.
        hidden = self.causal.base_model(input_ids=ids, attention_mask=mask.long(), use_cache=False)[0]
        return hidden[torch.arange(len(ids), device=device), mask.sum(1) - 1]


class PreferenceModel(_SequenceModel):
    """s(a, b) = [f(a, b) - f(b, a)]/2 and P(a ≻ b) = sigma(s(a, b)): any preference, cycles included.

    f(a, b) is the log-odds that the response shown first is better. Averaging the log-odds of both orders makes
    P(a ≻ b) + P(b ≻ a) = 1 hold by construction, whatever the model thinks of positions.

    Parameters
    ----------
    backbone : transformers.PreTrainedModel or peft.PeftModel
        Causal language model; dropout is switched off.
    layout : Layout
        Tokens around prompt and responses.
    head : {"tokens", "classifier"}
        Kind of the head.
    tokenizer : transformers.PreTrainedTokenizerBase or None
        Tokenizer, needed for texts.

    References
    ----------
    Munos et al., arXiv 2312.00886 [paper] train P(y ≻ y' | x) so; symmetrisation of log-odds is ours.
    """

    def __init__(self, backbone, layout: Layout, head: str = "tokens", tokenizer=None):
        super().__init__(backbone, layout, tokenizer)
        if head not in HEADS:
            raise unknown_name("head", head, HEADS)
        self.kind = head
        self.head = self._linear() if head == "classifier" else None

    def log_odds(self, comparisons: Sequence[Comparison]) -> torch.Tensor:
        """Return f(a, b), one order only, shape (batch,).

        Parameters
        ----------
        comparisons : sequence of Comparison
        """
        hidden = self._last([self.layout.pair(c.prompt, c.a, c.b, self.tokenizer) for c in comparisons])
        if self.head is not None:
            return self.head(hidden)[:, 0]
        # Two rows of the output matrix are enough: the rest of the vocabulary cancels in the difference.
        out = self.causal.get_output_embeddings()
        rows = torch.tensor(self.layout.answers, device=hidden.device)
        logits = torch.nn.functional.linear(
            hidden, out.weight[rows], None if out.bias is None else out.bias[rows]
        )
        return logits[:, 0] - logits[:, 1]

    def margins(self, comparisons: Sequence[Comparison]) -> torch.Tensor:
        """Return s(a, b), shape (batch,), in float32 at least.

        Parameters
        ----------
        comparisons : sequence of Comparison
        """
        both = self.log_odds([*comparisons, *(c.swapped() for c in comparisons)])
        forward, backward = both.to(torch.promote_types(both.dtype, torch.float32)).chunk(2)
        return (forward - backward) / 2


class RewardModel(_SequenceModel):
    """s(a, b) = r(a) - r(b): Bradley-Terry, whose preferences are always transitive.

    Parameters
    ----------
    backbone, layout, tokenizer
        Arguments of PreferenceModel.
    """

    bradley_terry = True
    kind = "bradley-terry"

    def __init__(self, backbone, layout: Layout, tokenizer=None):
        super().__init__(backbone, layout, tokenizer)
        self.head = self._linear()

    def rewards(self, prompts: Sequence, responses: Sequence) -> torch.Tensor:
        """Return r(x, y), shape (batch,).

        Parameters
        ----------
        prompts, responses : sequence
        """
        rows = [self.layout.single(x, y, self.tokenizer) for x, y in zip(prompts, responses, strict=True)]
        values = self.head(self._last(rows))[:, 0]
        return values.to(torch.promote_types(values.dtype, torch.float32))

    def margins(self, comparisons: Sequence[Comparison]) -> torch.Tensor:
        """Return r(a) - r(b), shape (batch,).

        Parameters
        ----------
        comparisons : sequence of Comparison
        """
        prompts = [c.prompt for c in comparisons]
        values = self.rewards(prompts * 2, [c.a for c in comparisons] + [c.b for c in comparisons])
        first, second = values.chunk(2)
        return first - second


def make_model(kind: str, backbone, layout: Layout, tokenizer=None) -> PreferenceModel | RewardModel:
    """Return a model by its kind.

    Parameters
    ----------
    kind : {"tokens", "classifier", "bradley-terry"}
        Kind of the model.
    backbone, layout, tokenizer
        Arguments of PreferenceModel.

    Raises
    ------
    NashsimError
        For another kind, or answer tokens outside the vocabulary.
    """
    size = backbone.config.vocab_size
    if max(layout.answers) >= size:
        raise NashsimError(f"layout: answer tokens below {size} are needed, found {layout.answers}")
    if kind == RewardModel.kind:
        return RewardModel(backbone, layout, tokenizer)
    if kind not in HEADS:
        raise unknown_name("kind of preference model", kind, (*HEADS, RewardModel.kind))
    return PreferenceModel(backbone, layout, kind, tokenizer)
