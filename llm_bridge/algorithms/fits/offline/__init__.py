"""Fits whose step is from the reference alone: after rewards, scores or marks, of given responses or drawn ones."""

from nashsim.discovery import modules

modules(__name__)
