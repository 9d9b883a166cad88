"""Judges behind an OpenAI-compatible endpoint: options, prompts and verdicts, and the answers kept on disk."""
