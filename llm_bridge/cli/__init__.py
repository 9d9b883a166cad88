"""The command line."""

from .app import call, main

__all__ = ["call", "main"]
