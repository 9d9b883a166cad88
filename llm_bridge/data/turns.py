"""Conversations as people write them, brought to one form: turns of a role and a text."""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Mapping, Sequence

from nashsim.errors import NashsimError, first_line

#: Roles of ShareGPT's ``from``, beside those that chat templates know themselves.
ROLES = {
    "human": "user", "gpt": "assistant", "chatgpt": "assistant", "bot": "assistant", "model": "assistant",
    "observation": "tool", "function_response": "tool",
}  # fmt: skip
#: Roles that answer; a prompt does not end with them.
ANSWERS = ("assistant", "function_call")


def read_turns(value, where: str) -> list[dict]:
    """Return the turns of a conversation, each with ``role`` and ``content`` as text, and its other keys as they were.

    ``from`` and ``value`` (ShareGPT) are role and content; content in parts is joined where all parts are text; one
    turn alone is a conversation of one.

    Parameters
    ----------
    value : sequence of mapping, or mapping
        Turns as they were read.
    where : str
        Place of the conversation, for messages.

    Raises
    ------
    NashsimError
        For anything that is no conversation of texts.

    Examples
    --------
    >>> read_turns([{"from": "human", "value": "2+2?"}], "row 1")
    [{'role': 'user', 'content': '2+2?'}]
    """
    turns = [value] if isinstance(value, Mapping) else value
    if isinstance(turns, str) or not isinstance(turns, Sequence) or not turns:
        raise NashsimError(
            f"{where}: text or turns (role and content, or from and value) are needed, found {value!r:.60}"
        )
    return [_turn(turn, f"{where}, turn {i + 1}") for i, turn in enumerate(turns)]


def _turn(turn, where: str) -> dict:
    if isinstance(turn, Sequence) and not isinstance(turn, str) and len(turn) == 2:
        turn = dict(zip(("role", "content"), turn, strict=True))
    if not isinstance(turn, Mapping):
        raise NashsimError(f"{where}: role and content (or from and value) are needed, found {turn!r:.60}")
    for speaker, said in (("role", "content"), ("from", "value")):
        if speaker in turn:
            role, rest = turn[speaker], {k: v for k, v in turn.items() if k not in (speaker, said)}
            if not isinstance(role, str) or not role:
                raise NashsimError(f"{where}: {speaker} is a name, found {role!r:.60}")
            content = turn.get(said)
            if content is None and turn.get("tool_calls"):
                content = ""
            return {"role": ROLES.get(role, role), "content": _text(content, f"{where}, {said}"), **rest}
    raise NashsimError(f"{where}: role and content (or from and value) are needed, found {turn!r:.60}")


def _text(content, where: str) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, Sequence) and content:
        parts = [
            part.get("text") if isinstance(part, Mapping) and part.get("type", "text") == "text" else None
            for part in content
        ]
        if all(isinstance(part, str) for part in parts):
            return "".join(parts)
        raise NashsimError(
            f"{where}: every part must be text ({{type: text, text: ...}}), found {content!r:.60}"
        )
    raise NashsimError(f"{where}: text is needed, found {content!r:.60}")


def read_transcript(value):
    """Return the turns of a text as HH-RLHF writes them (Human: ..., Assistant: ...); anything else as it is.

    Parameters
    ----------
    value : object
        Response of a pair as it was read.

    Examples
    --------
    >>> read_transcript("\\n\\nHuman: 2+2?\\n\\nAssistant: 4")
    [{'from': 'human', 'value': '2+2?'}, {'from': 'gpt', 'value': '4'}]
    """
    if not isinstance(value, str) or not value.startswith("\n\nHuman:"):
        return value
    _, *parts = re.split(r"\n\n(Human|Assistant): ?", value)
    roles = {"Human": "human", "Assistant": "gpt"}
    return [{"from": roles[role], "value": said} for role, said in zip(parts[::2], parts[1::2], strict=True)]


def prompt_key(value, where: str = "prompt") -> Hashable:
    """Return a prompt as something that can be a key: text as it is, turns as (role, content) pairs.

    Calls of tools stand in the content, as JSON.

    Parameters
    ----------
    value : str or sequence of mapping
        Text, or turns of a conversation.
    where : str
        Place of the prompt, for messages.
    """
    if isinstance(value, str):
        return value
    return tuple((turn["role"], _said(turn)) for turn in read_turns(value, where))


def _said(turn: Mapping) -> str:
    calls = turn.get("tool_calls")
    return turn["content"] + (json.dumps(calls, default=str) if calls else "")


def rendered(tokenizer, turns: Sequence[Mapping], where: str, **options) -> str:
    """Return a conversation as a tokenizer's chat template writes it.

    Parameters
    ----------
    tokenizer : transformers.PreTrainedTokenizerBase
        Tokenizer with the template.
    turns : sequence of mapping
        Turns as :func:`read_turns` returns them.
    where : str
        Place of the conversation, for messages.
    **options
        Further arguments of ``apply_chat_template``.

    Raises
    ------
    NashsimError
        Where the tokenizer has no chat template, or its template refuses the turns.
    """
    if not tokenizer.chat_template:
        raise NashsimError(
            f"{where}: turns of a conversation need a tokenizer with a chat template, and this one has none; give"
            " prompts as text"
        )
    try:
        return tokenizer.apply_chat_template(list(turns), tokenize=False, **options)
    except Exception as error:  # whatever a template runs into: its own refusals, keys that are not there
        roles = ", ".join(turn["role"] for turn in turns)
        remedy = (
            "; where it takes no system turn, put that text into the first user's turn"
            if any(turn["role"] == "system" for turn in turns)
            else ""
        )
        raise NashsimError(
            f"{where}: the chat template refuses the turns ({roles}): {first_line(error)}{remedy}"
        ) from None
