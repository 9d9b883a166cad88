"""Prompts and responses as tensors: padding of any side is brought to one layout before a model sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from nashsim.errors import NashsimError


def padded(
    rows: Sequence[Sequence[int]], pad: int = 0, side: str = "right", width: int = 0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return rows of token ids as one tensor, and the mask of its real tokens, both (rows, longest).

    Parameters
    ----------
    rows : sequence of sequences of int
        Token ids of every row.
    pad : int
        Token id of padding.
    side : str
        Side of the padding, ``"left"`` or ``"right"``.
    width : int
        Least width of the tensors.

    Raises
    ------
    NashsimError
        For another side.

    Examples
    --------
    >>> ids, mask = padded([[5, 6], [7]], side="left")
    >>> ids.tolist(), mask.int().tolist()
    ([[5, 6], [0, 7]], [[1, 1], [0, 1]])
    """
    if side not in ("left", "right"):
        raise NashsimError(f"side: padding goes 'left' or 'right', found {side!r}")
    longest = max([width, *map(len, rows)])
    ids = torch.full((len(rows), longest), pad, dtype=torch.long)
    mask = torch.zeros(len(rows), longest, dtype=torch.bool)
    for i, row in enumerate(rows):
        place = slice(longest - len(row), None) if side == "left" else slice(len(row))
        ids[i, place] = torch.as_tensor(list(row), dtype=torch.long)
        mask[i, place] = True
    return ids, mask


def left_aligned(ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the same tokens with all padding on the left, wherever it was.

    Parameters
    ----------
    ids, mask : Tensor, shape (batch, positions)
        Token ids, and the mask of the real ones.
    """
    order = mask.long().argsort(dim=1, stable=True)
    return ids.gather(1, order), mask.gather(1, order)


def position_ids(mask: torch.Tensor) -> torch.Tensor:
    """Return the position of every token among the real ones of its row, 0 on padding; shape (batch, positions).

    Parameters
    ----------
    mask : Tensor of bool, shape (batch, positions)
        Mask of the real tokens.
    """
    return (mask.long().cumsum(1) - 1).clamp_min(0)


@dataclass(frozen=True, eq=False)
class Sequences:
    """A batch of prompts and responses.

    Attributes
    ----------
    prompt : Tensor of int, shape (batch, prompt tokens)
        Token ids, padded on any side.
    prompt_mask : Tensor of bool, shape (batch, prompt tokens)
        True on real tokens.
    response : Tensor of int, shape (batch, T)
        Token ids, padded on the right.
    response_mask : Tensor of bool, shape (batch, T)
        True on response tokens, EOS included where the response ended by itself.

    Raises
    ------
    NashsimError
        Unless every prompt has a token and every response mask begins with its real tokens.
    """

    prompt: torch.Tensor
    prompt_mask: torch.Tensor
    response: torch.Tensor
    response_mask: torch.Tensor

    def __post_init__(self):
        if self.prompt.shape != self.prompt_mask.shape or self.response.shape != self.response_mask.shape:
            raise NashsimError(
                f"masks: ids and masks need equal shapes, found {tuple(self.prompt.shape)} and"
                f" {tuple(self.prompt_mask.shape)}, {tuple(self.response.shape)} and {tuple(self.response_mask.shape)}"
            )
        if not self.prompt_mask.any(1).all():
            raise NashsimError(
                "prompt: every prompt needs at least one token; give a beginning-of-text token"
            )
        if (self.response_mask[:, 1:] & ~self.response_mask[:, :-1]).any():
            raise NashsimError(
                "response_mask: responses are padded on the right; found padding before a token"
            )

    @classmethod
    def of(cls, prompts, responses, pad: int = 0, side: str = "left") -> Sequences:
        """Return the batch of lists of token ids; a response holds its EOS.

        Parameters
        ----------
        prompts, responses : sequence of sequences of int
            Token ids of every row.
        pad : int
            Token id of padding.
        side : str
            Side of the prompts' padding.
        """
        return cls(*padded(prompts, pad, side), *padded(responses, pad))

    def __len__(self) -> int:
        return len(self.prompt)

    def to(self, device) -> Sequences:
        """Return the batch on a device.

        Parameters
        ----------
        device : torch.device or str
            Device of all tensors.
        """
        return Sequences(*(part.to(device) for part in self._parts))

    def __getitem__(self, rows) -> Sequences:
        """Return the batch of some rows: a slice, a mask or indices."""
        return Sequences(*(part[rows] for part in self._parts))

    @property
    def _parts(self) -> tuple[torch.Tensor, ...]:
        return self.prompt, self.prompt_mask, self.response, self.response_mask

    def responses(self) -> list[tuple[int, ...]]:
        """Return the responses as tuples of token ids, EOS included."""
        lengths = self.response_mask.sum(1).tolist()
        return [tuple(row[:n]) for row, n in zip(self.response.tolist(), lengths, strict=True)]

    def packed(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return prompt and response side by side as ids and mask, prompts padded on the left."""
        prompt, mask = left_aligned(self.prompt, self.prompt_mask)
        return torch.cat([prompt, self.response], 1), torch.cat([mask, self.response_mask], 1)
