"""Algorithms under the names of their papers, one file a family; all files of this folder are read.

A rule of nashsim needs none: it is fitted under its own name by regression, or followed by policy gradient.
"""

from nashsim.discovery import modules

modules(__name__)
