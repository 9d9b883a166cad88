"""After a reward: DPO, KTO and XPO, whose rule is the best response to the reference; IPO, after P(y ≻ mu) itself."""

from nashsim.rules import REFERENCE, BestResponse

from ..registry import register

#: Responses of the reference, the judge's answers about the pairs themselves.
OFFLINE = {"labels": "winner", "pairs": {REFERENCE: 1.0}}

register("dpo", BestResponse, fit="dpo", **OFFLINE)
# The regression of that step, (D(pi) - D(mu) - 1/(2 tau))^2, winner first (Azar et al., arXiv 2310.12036 [paper]).
register("ipo", BestResponse, fit="regression", **OFFLINE)
register("kto", BestResponse, fit="kto", **OFFLINE, responses=1)


@register("xpo", BestResponse)
def _xpo(rule, *, alpha=1e-3):
    second = {"second": {REFERENCE: 1.0}, "responses": 1, "replay": True}
    return {"fit": "xpo", "labels": "winner", **second, "anchor": alpha}
