"""``python -m llm_bridge``."""

from .cli import main

main()
