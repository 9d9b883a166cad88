"""Fits: one class and one file for every loss that a step may be carried by; all files of this folder are read."""

from importlib import import_module
from pkgutil import iter_modules

from .fit import FITS, Fit, get_fit

for _file in iter_modules(__path__):
    import_module(f".{_file.name}", __name__)

__all__ = ["FITS", "Fit", "get_fit"]
