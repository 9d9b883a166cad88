"""Exact preference games, Nash learning from human feedback, and theory that is checked.

Importing this module is light: every name below loads its room when first used.
"""

import lazy_loader as _lazy

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
