"""The old place of DPO and PEPO on fixed duels, which stand in :mod:`nashsim.offline` now."""

from ..offline import offline_dpo, pepo

__all__ = ["offline_dpo", "pepo"]
