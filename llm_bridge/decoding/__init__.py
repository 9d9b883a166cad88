"""Sampling of responses: eager and compiled decode loops, mixtures of whole responses, explorers."""
