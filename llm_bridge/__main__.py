"""``python -m llm_bridge``."""

from .cli.app import main

if __name__ == "__main__":
    main()
