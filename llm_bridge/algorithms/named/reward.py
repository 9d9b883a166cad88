"""After a reward: DPO, KTO, PEPO, UNA, RDRO and XPO, best responses to the reference; IPO, after P(y ≻ mu) itself."""

from nashsim.rules import REFERENCE, BestResponse

from ..fits.offline.pepo import PEPO
from ..fits.offline.rdro import RDRO
from ..fits.offline.una import UNA
from ..registry import register

#: Responses of the reference, the judge's answers about the pairs themselves.
OFFLINE = {"labels": "winner", "pairs": {REFERENCE: 1.0}}

register("dpo", BestResponse, fit="dpo", **OFFLINE)
# The regression of that step, (D(pi) - D(mu) - 1/(2 tau))^2, winner first (Azar et al., arXiv 2310.12036 [paper]).
register("ipo", BestResponse, fit="regression", **OFFLINE)
register("kto", BestResponse, fit="kto", **OFFLINE, responses=1)


@register("pepo", BestResponse)
def _pepo(rule, *, ties=0.0, members=3, member=None):
    return {"fit": PEPO(ties, members, member), **OFFLINE}


@register("una", BestResponse)
def _una(rule, *, loss="mse"):
    return {"fit": UNA(loss), **OFFLINE, "responses": 1}


@register("rdro", BestResponse)
def _rdro(rule, *, alpha=0.5):
    return {"fit": RDRO(alpha), **OFFLINE, "responses": 1}


@register("xpo", BestResponse)
def _xpo(rule, *, alpha=1e-3):
    second = {"second": {REFERENCE: 1.0}, "responses": 1, "replay": True}
    return {"fit": "xpo", "labels": "winner", **second, "anchor": alpha}
