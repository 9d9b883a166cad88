"""Compiled kernels, one a file."""
