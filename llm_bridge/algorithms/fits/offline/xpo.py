"""XPO: DPO with optimism, which pushes the policy away from what its reference says."""

from __future__ import annotations

from nashsim.rules import REFERENCE

from .dpo import DPO


class XPO(DPO):
    """DPO's loss plus alpha E_{z ~ mu} log pi_theta(z), which is minimised; alpha is the algorithm's ``anchor``.

    References
    ----------
    Xie et al., arXiv 2405.21046 [code].
    """

    name = "xpo"
    minimiser = "DPO's, pushed away from responses of μ by α"
    anchor_of = REFERENCE
    anchor_sign = -1.0
