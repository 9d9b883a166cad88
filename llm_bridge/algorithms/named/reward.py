"""After a reward: DPO, KTO and XPO, whose rule is the best response to the reference."""

from nashsim.rules import REFERENCE, BestResponse

from ..registry import register

#: Responses of the reference, the judge's answers about the pairs themselves.
OFFLINE = {"labels": "winner", "pairs": {REFERENCE: 1.0}}

register("dpo", BestResponse, fit="dpo", **OFFLINE)
register("kto", BestResponse, fit="kto", **OFFLINE, responses=1)


@register("xpo", BestResponse)
def _xpo(rule, *, alpha=1e-3):
    second = {"second": {REFERENCE: 1.0}, "responses": 1, "replay": True}
    return {"fit": "xpo", "labels": "winner", **second, "anchor": alpha}
