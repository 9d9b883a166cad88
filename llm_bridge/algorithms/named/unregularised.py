"""After the unregularised Nash: SPPO, DNO and DNO-Prct, MNPO, COMAL."""

from nashsim.rules import COMAL, DNO, MNPO, SPPO, DNOPrct

from ..registry import MIRROR, register

register("mnpo", MNPO, **MIRROR)
register("comal", COMAL, **MIRROR)


@register("sppo", SPPO)
def _sppo(rule, *, responses=5, comparators=5):
    return {"fit": "pointwise", "responses": responses, "comparators": comparators}


@register("dno", DNO)
def _dno(rule, *, responses=5, comparators=5):
    return {"fit": "logistic", "responses": responses, "comparators": comparators}


@register("dno-prct", DNOPrct)
def _dno_prct(rule):
    [step] = rule.steps(1.0, 0)
    return {"fit": "ranked", "responses": step.responses}
