"""Text to token ids: plain or by the chat template, never longer than the context."""

from __future__ import annotations

from collections.abc import Sequence

from nashsim.errors import NashsimError, unknown_name

from .turns import ANSWERS, read_turns, rendered

TEMPLATES = ("plain", "chat")


class PromptTooLong(NashsimError):
    """A prompt that the context has no room for."""


class Encoder:
    """Prompts and responses as tuples of token ids.

    Parameters
    ----------
    tokenizer : transformers.PreTrainedTokenizerBase
        Tokenizer of the model.
    template : str
        ``"plain"``: the text itself, after the beginning-of-text token where the tokenizer sets one. ``"chat"``: a
        user's turn by the tokenizer's chat template, up to where the assistant's begins.
    context : int or None
        Number of tokens that prompt and response share; ``None`` is the tokenizer's own limit, if it states one.
    response : int
        Number of tokens to keep free for the response.
    pad : str or None
        ``None`` takes the tokenizer's pad token; ``"eos"`` lets EOS pad (masks say which tokens are real); any other
        string names a token of the vocabulary.
    ends : sequence of str
        Tokens of the vocabulary that end a response too.

    Attributes
    ----------
    eos, pad : int
        Token ids of the end that is written, and of padding.
    ends : tuple of int
        Token ids of which any ends a response; it is no part of the text.

    Raises
    ------
    NashsimError
        For an unknown template, a tokenizer without EOS, pad or chat template, or no room for a prompt.
    """

    def __init__(
        self,
        tokenizer,
        template: str = "plain",
        *,
        context: int | None = None,
        response: int = 0,
        pad: str | None = None,
        ends: Sequence[str] = (),
    ):
        if template not in TEMPLATES:
            raise unknown_name("template", template, TEMPLATES)
        if template == "chat" and not tokenizer.chat_template:
            raise NashsimError("template: this tokenizer has no chat template; choose template: plain")
        if tokenizer.eos_token_id is None:
            raise NashsimError("tokenizer: it has no EOS token, and a response needs an end")
        limit = tokenizer.model_max_length
        # transformers writes 1e30 where a tokenizer states no limit.
        self.context = context if context is not None else (limit if limit < 1 << 40 else None)
        if self.context is not None and self.context <= response:
            raise NashsimError(
                f"context: {self.context} tokens leave no room for a prompt and a response of {response}"
            )
        self.tokenizer, self.template, self.response = tokenizer, template, response
        self.eos, self.pad = tokenizer.eos_token_id, _pad(tokenizer, pad)
        self.ends = (self.eos, *(_id(tokenizer, end, "eos") for end in ends))

    def prompt(self, prompt: str | Sequence, where: str = "prompt") -> tuple[int, ...]:
        """Return the ids of a prompt that leaves the response its room.

        Parameters
        ----------
        prompt : str or sequence of mapping
            Text, or turns of a conversation (see :func:`llm_bridge.data.turns.read_turns`), which need the chat
            template and end with anybody's but the assistant's.
        where : str
            Place of the prompt, for messages.

        Raises
        ------
        NashsimError
            For a prompt that is empty, no text and no conversation, refused by the template, or longer than the context
            leaves room for.
        """
        ids = self.encode_prompt(prompt, where)
        room = None if self.context is None else self.context - self.response
        if room is not None and len(ids) > room:
            raise PromptTooLong(
                f"{where}: {len(ids)} tokens, and the context of {self.context} leaves {room} beside a response of"
                f" {self.response}; shorten it, drop it with data.too_long: drop, or raise the context"
            )
        return ids

    def encode_prompt(self, prompt: str | Sequence, where: str = "prompt") -> tuple[int, ...]:
        """Return the ids of a prompt, however long.

        Parameters
        ----------
        prompt, where
            Arguments of :meth:`prompt`.
        """
        spoken = not isinstance(prompt, str)
        turns = read_turns(prompt, where) if spoken else [{"role": "user", "content": prompt}]
        if spoken and self.template != "chat":
            raise NashsimError(f"{where}: turns of a conversation need template: chat")
        if spoken and turns[-1]["role"] in ANSWERS:
            raise NashsimError(
                f"{where}: the last turn is the {turns[-1]['role']}'s, and a prompt ends where that one begins; leave"
                " the answer out"
            )
        if self.template == "chat":
            text = rendered(self.tokenizer, turns, where, add_generation_prompt=True)
            ids = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        else:
            ids = self._beginning(self.tokenizer(prompt, add_special_tokens=False)["input_ids"])
        if not ids:
            raise NashsimError(f"{where}: it is empty")
        return tuple(ids)

    def encode_response(self, text: str, where: str = "response") -> tuple[int, ...]:
        """Return the ids of a response, EOS at its end.

        Parameters
        ----------
        text : str
            Text of the response.
        where : str
            Place of the response, for messages.
        """
        if not isinstance(text, str):
            raise NashsimError(f"{where}: text is needed, found {type(text).__name__}")
        return (*self.tokenizer(text, add_special_tokens=False)["input_ids"], self.eos)

    def add_ends(self, ids: Sequence[int]) -> None:
        """Let more tokens end a response; the one that closes a turn of the chat template is what is written.

        Parameters
        ----------
        ids : sequence of int
            Token ids that the model's configurations say end a response.
        """
        closing = self._closing()
        self.ends = tuple(dict.fromkeys([*self.ends, *ids]))
        if closing in self.ends:
            self.eos, self.ends = closing, tuple(dict.fromkeys([closing, *self.ends]))

    def _closing(self) -> int | None:
        """Token id after an assistant's words in the chat template, if there is one."""
        if self.template != "chat":
            return None
        from jinja2 import TemplateError

        turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "words"}]
        try:
            text = self.tokenizer.apply_chat_template(turns, tokenize=False)
        except TemplateError:
            return None
        after = self.tokenizer(text.rpartition("words")[2].strip(), add_special_tokens=False)["input_ids"]
        return after[0] if after else None

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of token ids, special tokens and an end left out."""
        ids = list(ids)[:-1] if len(ids) and ids[-1] in self.ends else list(ids)
        return self.tokenizer.decode(ids, skip_special_tokens=True)

    def _beginning(self, ids: list[int]) -> list[int]:
        bos = self.tokenizer.bos_token_id
        adds = bos is not None and self.tokenizer("a")["input_ids"][:1] == [bos]
        return [bos, *ids] if adds else ids


def _pad(tokenizer, pad: str | None) -> int:
    if pad is None:
        if tokenizer.pad_token_id is None:
            raise NashsimError(
                "tokenizer: it has no pad token; set model.pad: eos, or name a token of its vocabulary"
            )
        return tokenizer.pad_token_id
    if pad == "eos":
        return tokenizer.eos_token_id
    return _id(tokenizer, pad, "pad")


def _id(tokenizer, token: str, key: str) -> int:
    vocabulary = tokenizer.get_vocab()
    if token not in vocabulary:
        always = "; 'eos' always is" if key == "pad" else ""
        raise NashsimError(f"model.{key}: {token!r} is no token of the vocabulary{always}")
    return vocabulary[token]
