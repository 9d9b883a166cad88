"""Prompts, preference pairs and a teacher's responses, from files or Hugging Face datasets."""

from .encode import Encoder
from .marks import Mark, load_marks
from .pairs import Pair, load_pairs
from .prompts import Prompt, load_prompts
from .rows import Table, read_rows
from .teacher import Teacher, load_teacher

__all__ = [
    "Encoder",
    "Mark",
    "Pair",
    "Prompt",
    "Table",
    "Teacher",
    "load_marks",
    "load_pairs",
    "load_prompts",
    "load_teacher",
    "read_rows",
]
