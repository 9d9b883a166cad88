"""Every learner of the package, by name: a learner is registered by standing in a file of this folder."""

from __future__ import annotations

from ...discovery import named_classes
from ...errors import unknown_name
from .learner import Learner

#: Files whose learners lead in tables and figures; those of any other file follow by its name.
_FIRST = ("iterative", "enpo", "minimax", "gradient", "bandits", "sparring", "rewards")
#: Every learner class of the package.
LEARNERS: tuple[type[Learner], ...] = named_classes(__package__, Learner, _FIRST)


def get_learner(learner: str | Learner) -> Learner:
    """Return a learner by its name, with default parameters; a Learner is returned as it is.

    Parameters
    ----------
    learner : str or Learner

    Raises
    ------
    NashsimError
        For an unknown name, suggesting the nearest.

    Examples
    --------
    >>> get_learner("inpo-online").labels
    1
    """
    if isinstance(learner, Learner):
        return learner
    by_name = {cls.name: cls for cls in LEARNERS}
    if learner not in by_name:
        raise unknown_name("learner", str(learner), by_name)
    return by_name[learner]()
