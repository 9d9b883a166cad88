"""On pairs of responses: INPO and ENPO, which is INPO's rule with exploration, and IPO in its two online forms."""

from nashsim.rules import INPO, IPOMD, OnlineIPO

from ..algorithm import Oracle, StepB
from ..labels import BEST_WORST, IID
from ..registry import MIRROR, register

#: Winners of pairs from the opponent itself.
WINNERS = MIRROR | {"labels": "winner", "pairs": None}

register("online-ipo", OnlineIPO, **WINNERS, every_step=True)
register("ipo-md", IPOMD, **WINNERS, every_step=True)


@register("inpo", INPO)
def _inpo(rule, *, responses=None, selection=IID):
    count = (8 if selection == BEST_WORST else 2) if responses is None else responses
    return {**WINNERS, "responses": count, "selection": selection}


@register("enpo", INPO)
def _enpo(rule, *, alpha=1e-3, beta=0.05, sign=1, n_z=4):
    explored = {"responses": 1, "comparators": n_z, "explorer": StepB(beta, sign), "replay": True}
    return {**MIRROR, **explored, "anchor": alpha}


@register("enpo-oracle", INPO)
def _enpo_oracle(rule, *, ridge=1.0, candidates=16, n_z=4):
    explored = {"responses": 1, "comparators": n_z, "explorer": Oracle(ridge, candidates), "replay": True}
    return {**MIRROR, **explored}
