"""Models from GGUF files: weights dequantised, tokenizer and chat template, written once as a folder of float32.

Training needs weights that take gradients, and adapters a base that ``from_pretrained`` finds. So a file becomes a
folder in the user's cache, named by the file's hash: 4 bytes a weight, and as fast to load as any other model.
"""

from __future__ import annotations

import io
import json
import os
from contextlib import redirect_stderr
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from nashsim.errors import NashsimError, first_line
from nashsim.files import atomic_folder

from ..importing import PACKAGE, package_file
from ..quiet import quiet

#: Pre-tokenizers of byte-level vocabularies that split digits before all else, and those that are GPT-2's alone, by
#: their names in llama.cpp. transformers knows the others that it splits by an expression.
DIGITS, PLAIN = ("command-r", "smollm", "starcoder"), ("", "default", "gpt-2", "phi-2")
#: Folder of what was made from files, within the user's cache.
CACHED = Path("nashsim", "gguf")
#: Grows when the same file is to be written otherwise.
FORMAT = 1


def local_name(name: str, key: str = "model.name") -> str:
    """Return the folder that stands for a GGUF file, written when it is first asked for; any other name as it is.

    Parameters
    ----------
    name : str
        Folder or hub name; path of a GGUF file; or ``package:NAME``, the file inside an installed package
        (``package:NAME/FILE.gguf`` where it has several).
    key : str
        Argument that error messages name.

    Raises
    ------
    NashsimError
        For a file or package that is not there, a file that is cut short or no GGUF, an architecture that transformers
        does not read from one, or without the package gguf.
    """
    name = _chosen(str(name), key) if str(name).startswith(PACKAGE) else str(name)
    if not name.endswith(".gguf") or os.path.isdir(name):
        return name
    if not os.path.isfile(name):
        raise NashsimError(f"{key}: {name!r} is no file")
    found = os.stat(name)
    return _converted(os.path.abspath(name), (found.st_mtime_ns, found.st_size), key)


def _chosen(name: str, key: str) -> str:
    """The one GGUF file of a package, or the one that is named."""
    found = Path(package_file(name, key))
    if not found.is_dir():
        return str(found)
    files = sorted(file.name for file in found.glob("*.gguf"))
    if len(files) != 1:
        raise NashsimError(
            f"{key}: one GGUF file is needed, and {name!r} has {len(files)} ({', '.join(files)}); name one as"
            f" {name}/FILE.gguf"
        )
    return str(found / files[0])


@lru_cache
def _converted(path: str, version: tuple[int, int], key: str) -> str:
    try:
        import gguf  # noqa: F401
    except ImportError:
        raise NashsimError(f"{key}: GGUF files need gguf; pip install 'nashsim[smollm]'") from None
    with open(path, "rb") as file:
        digest = sha256(file.read(4))
        if digest.digest() != sha256(b"GGUF").digest():
            raise NashsimError(f"{key}: {path!r} is no GGUF file")
        while block := file.read(1 << 20):
            digest.update(block)
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    home = Path(cache, CACHED, f"{Path(path).stem}-{FORMAT}-{digest.hexdigest()[:16]}")
    if not home.is_dir():
        tokenizer, model = _read(path, key)
        with atomic_folder(home) as folder, quiet():
            model.save_pretrained(folder)
            tokenizer.save_pretrained(folder)
    return str(home)


@quiet()
def _read(path: str, key: str):
    """Tokenizer and model of a file, the model as if it had never been quantised."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    where = {"gguf_file": os.path.basename(path), "trust_remote_code": False}
    try:
        with redirect_stderr(io.StringIO()):  # transformers draws a bar that it has no switch for
            tokenizer = AutoTokenizer.from_pretrained(os.path.dirname(path), **where)
            tokenizer = _as_in_file(tokenizer, path, key)
            model = AutoModelForCausalLM.from_pretrained(
                os.path.dirname(path), dtype=torch.float32, **where, **_whole()
            )
    except NashsimError:
        raise
    except Exception as error:  # a file that is cut short fails wherever its bytes end
        said = first_line(error)[:200]
        raise NashsimError(f"{key}: {path!r} does not load: it is cut short, or no model"
                           f" that transformers reads from GGUF ({said})") from None  # fmt: skip
    # transformers would not save a model that says it is quantised, and this one no longer is.
    model.hf_quantizer = None
    model.is_quantized = False
    for config in (model.config, model.config.get_text_config()):
        if hasattr(config, "quantization_config"):
            del config.quantization_config
    return tokenizer, model


def _whole() -> dict:
    """The option by which newer versions of transformers unpack all weights; older ones always do."""
    try:
        from transformers import GgufConfig
    except ImportError:
        return {}
    return {"quantization_config": GgufConfig(dequantize=True)}


def _as_in_file(tokenizer, path: str, key: str):
    """The tokenizer with the file's tokens alone, cutting text before the merges as the file says."""
    from gguf import GGUFReader
    from tokenizers import Tokenizer, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    fields = GGUFReader(path).fields
    kind, name = (
        field.contents() if (field := fields.get(f"tokenizer.ggml.{part}")) else ""
        for part in ("model", "pre")
    )
    backend, count = tokenizer.backend_tokenizer, len(fields["tokenizer.ggml.tokens"].data)
    if kind == "gpt2" and isinstance(backend.pre_tokenizer, pre_tokenizers.ByteLevel) and name not in PLAIN:
        if name not in DIGITS:
            raise NashsimError(
                f"{key}: {path!r} splits text as {name!r}, which is not known here, and its token ids would be wrong;"
                " name the folder of the model that the file was made from"
            )
        digits = pre_tokenizers.Digits(individual_digits=True)
        backend.pre_tokenizer = pre_tokenizers.Sequence(
            [digits, pre_tokenizers.ByteLevel(add_prefix_space=False)]
        )
    if len(tokenizer) == count:
        return tokenizer
    # transformers appends its class's unknown token where the file has none; the model has no row for it.
    state = json.loads(backend.to_str())
    state["added_tokens"] = [token for token in state["added_tokens"] if token["id"] < count]
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(state)),
        chat_template=tokenizer.chat_template,
        **{
            part: token
            for part, token in tokenizer.special_tokens_map.items()
            if part != "additional_special_tokens"
        },
    )
