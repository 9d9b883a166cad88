"""Models and tokenizers by name, and the device they go to."""

from __future__ import annotations

import os
from collections.abc import Sequence

import torch

from nashsim.errors import NashsimError, first_line

from ..quiet import quiet
from .adapters import adapter_base, load_adapter
from .gguf import CACHED, local_name
from .text_model import text_model


def find_device(name: str = "auto") -> torch.device:
    """Return a device that can be used; ``"auto"`` is this process's own GPU where there is one.

    Parameters
    ----------
    name : str
        ``"auto"``, or what torch calls a device.

    Raises
    ------
    NashsimError
        For a device that is not there.
    """
    if name == "auto":
        name = f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if torch.cuda.is_available() else "cpu"
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise NashsimError(f"device: {name!r} cannot be used: {first_line(error)[:200]}") from None


def load_tokenizer(name: str, key: str = "model.name"):
    """Return the tokenizer of a local folder, GGUF file or hub name; of an adapter without one, its base's.

    Parameters
    ----------
    name : str
        Folder or hub name.
    key : str
        Argument that error messages name.

    Raises
    ------
    NashsimError
        Where there is none.
    """
    from transformers import AutoTokenizer

    name = local_name(name, key)
    try:
        with quiet():
            return AutoTokenizer.from_pretrained(name, trust_remote_code=False)
    except (OSError, ValueError) as error:
        if base := adapter_base(name, key):
            return load_tokenizer(base, key)
        raise NashsimError(f"{key}: {name!r} has no tokenizer that loads ({_reason(name, error)})") from None


def _reason(name: str, error: Exception) -> str:
    """Why a name does not load: of a path that is not there, the hub's complaint about its letters says nothing."""
    if str(CACHED) in name and not os.path.exists(name):
        return "it was made from a GGUF file and is gone; it is made again where model.name names that file"
    is_path = name.startswith((".", "~", os.sep)) or name.count("/") > 1
    return "there is no such folder" if is_path and not os.path.exists(name) else first_line(error)


def load_model(name: str, loader=None, key: str = "model.name", **options):
    """Return the model of a local folder, GGUF file or hub name; code from the hub is never run.

    Parameters
    ----------
    name : str
        Folder or hub name.
    loader : type or None
        Class whose ``from_pretrained`` loads it; ``None`` is ``AutoModelForCausalLM``.
    key : str
        Argument that error messages name.
    **options
        Further arguments of ``from_pretrained``.

    Raises
    ------
    NashsimError
        Where there is none.
    """
    from transformers import AutoModelForCausalLM

    name = local_name(name, key)
    try:
        with quiet():
            return (loader or AutoModelForCausalLM).from_pretrained(name, trust_remote_code=False, **options)
    except (OSError, ValueError) as error:
        raise NashsimError(f"{key}: {name!r} does not load ({_reason(name, error)})") from None


@quiet()
def load_language_model(name: str, key: str = "model.name", *, merge: bool = True, **options):
    """Return the causal language model of text by its name: an adapter on its base, the model inside a wrapper.

    Parameters
    ----------
    name : str
        Folder or hub name of a model, or of an adapter.
    key : str
        Argument that error messages name.
    merge : bool
        Whether an adapter is merged into the weights, or left frozen, beneath others that train.
    **options
        Further arguments of ``from_pretrained``.

    Raises
    ------
    NashsimError
        Where there is none, or an adapter does not fit its base.
    """
    name = local_name(name, key)
    base = adapter_base(name, key)
    if base is None:
        return text_model(load_model(name, key=key, **options), key)
    model = load_model(base, key=f"{key}: base of {name}", **options)
    merge = merge or model.config.get_text_config() is not model.config
    model = load_adapter(model, name, key, merge=merge)
    return text_model(model, key) if merge else model


def check_ids(name: str, rows: Sequence[Sequence[int]], tokenizer, key: str = "model.name") -> None:
    """Refuse token ids that a model has no embedding for, before its weights are loaded.

    Parameters
    ----------
    name : str
        Folder or hub name of the model, or of an adapter.
    rows : sequence of sequences of int
        Token ids.
    tokenizer : transformers.PreTrainedTokenizerBase
        Tokenizer that made them.
    key : str
        Argument that error messages name.

    Raises
    ------
    NashsimError
        For the largest id beyond the embedding, with its token; or where there is no such model.
    """
    from transformers import AutoConfig

    name = local_name(name, key)
    try:
        name = adapter_base(name, key) or name
        config = AutoConfig.from_pretrained(name, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise NashsimError(f"{key}: {name!r} does not load ({_reason(name, error)})") from None
    count = config.get_text_config().vocab_size
    largest = max((max(row, default=0) for row in rows), default=0)
    if largest >= count:
        raise NashsimError(
            f"{key}: token {tokenizer.convert_ids_to_tokens(largest)!r} has id {largest}, and {name!r} {count}"
            " embeddings: tokens were added to the tokenizer alone; use others (model.pad: eos, another template), or"
            " give the model rows (resize_token_embeddings), train them and save it"
        )
