"""What libraries say to those who call them, kept from those who use this one."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

#: Libraries whose warnings are for those who call them.
FOREIGN = "accelerate|bitsandbytes|huggingface_hub|peft|safetensors|tokenizers|torch|transformers"


@contextmanager
def quiet() -> Iterator[None]:
    """Let the libraries below show no bars and no warnings; what they raise, and others' warnings, stay."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=rf"({FOREIGN})(\.|$)")
            yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
