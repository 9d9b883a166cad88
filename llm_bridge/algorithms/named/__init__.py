"""Algorithms under the names of their papers, one file a family; all files of this folder are read.

A rule of nashsim needs none: it is fitted under its own name by regression, or followed by policy gradient.
"""

from importlib import import_module
from pkgutil import iter_modules

for _file in iter_modules(__path__):
    import_module(f".{_file.name}", __name__)
