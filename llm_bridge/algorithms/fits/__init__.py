"""Fits: one class and one file for every loss that a step may be carried by; all files of this folder are read."""

from nashsim.discovery import modules

from .fit import FITS, Fit, get_fit

modules(__name__)

__all__ = ["FITS", "Fit", "get_fit"]
