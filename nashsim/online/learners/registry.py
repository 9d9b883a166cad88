"""Every learner of the package, by name."""

from __future__ import annotations

from ...errors import unknown_name
from .bandits import DoubleThompson, RelativeUCB, Uniform
from .enpo import ENPO, ENPOOracle
from .gradient import OnlineIPOPairs, OnlineNashMDPG, OnlineNashMPSGD, OnlineNashProxSGD
from .iterative import OnlineINPO, OnlineNashMD
from .learner import Learner
from .minimax import MinimaxAdversary, MinimaxReference, MinimaxSelf
from .rewards import XPO, BTNash, OnlineDPO
from .sparring import SparringEXP3

#: Every learner class of the package.
LEARNERS: tuple[type[Learner], ...] = (
    OnlineINPO,
    OnlineNashMD,
    ENPO,
    ENPOOracle,
    MinimaxReference,
    MinimaxSelf,
    MinimaxAdversary,
    OnlineNashMPSGD,
    OnlineNashProxSGD,
    OnlineIPOPairs,
    OnlineNashMDPG,
    Uniform,
    DoubleThompson,
    RelativeUCB,
    SparringEXP3,
    OnlineDPO,
    XPO,
    BTNash,
)


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
