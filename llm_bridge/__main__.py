"""``python -m llm_bridge``."""

from .cli.app import main

main()
