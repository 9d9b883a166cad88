"""The worst case of a rule in Hilbert space, by performance estimation: a check from outside of the proofs here.

It is another class of problems: the entropy becomes any 1-strongly convex function h of a Hilbert space, P - 1/2 a skew
operator of norm 1/2, KL the Bregman divergence of h. Its worst case is exact, and no bound on games in the l1 norm.
"""

from __future__ import annotations

from ...errors import NashsimError
from ...rules import Rule, get_rule
from .numbers import numbers_of
from .policies import NASH
from .rationals import rational
from .statements import CONTRACTION, Statement


def hilbert_factor(rule: str | Rule, tau: float) -> float:
    """Return the worst D_h(x*, x after)/D_h(x*, x before) of a rule without memory, with PEPit (extra ``pep``).

    Parameters
    ----------
    rule : str or Rule
        Whose step leaves pi* where it is.
    tau : float

    Raises
    ------
    NashsimError
        Without PEPit, or for a rule with memory.

    Notes
    -----
    With grad h for log pi: grad h(x+) - grad h(x*) = sum w (grad h(x_k) - grad h(x*)) + eta A (x - x*), the same
    vectors as in the proofs. For M1 at e = 4 tau it is 1/(1 + 4 tau^2), for M2 at s = 2 tau 1/(1 + 2 tau).
    """
    try:
        from PEPit import PEP, Point
        from PEPit.expression import Expression
        from PEPit.functions import StronglyConvexFunction
        from PEPit.operators import SkewSymmetricLinearOperator
    except ImportError:
        raise NashsimError(
            "PEPit: the Hilbert-space worst case needs it; pip install 'nashsim[pep]'"
        ) from None
    rule = get_rule(rule)
    statement = Statement.of(CONTRACTION, numbers_of(rule, tau), rational(tau), affine=False)
    if statement.memory:
        raise NashsimError(f"rule: one without memory is needed, found {rule.name!r}")
    problem = PEP()
    h = problem.declare_function(StronglyConvexFunction, mu=1.0)
    payoff = problem.declare_function(SkewSymmetricLinearOperator, L=0.5)
    x, slope, value, image = {}, {}, {}, {}
    for name in (NASH, *statement.policies()):
        x[name] = Point()
        if name in statement.execution.queried:
            image[name] = payoff.gradient(x[name] - x[NASH])
        vector = {} if name == NASH else statement.execution.vectors[name]
        if any(kind == "A" and other == NASH for kind, other in vector):
            raise NashsimError(f"rule: one whose step leaves pi* where it is is needed, found {rule.name!r}")
        slope[name], value[name] = Point(), Expression()
        if name != NASH and vector != {("u", name): 1}:
            slope[name] = slope[NASH]
            for (kind, other), weight in vector.items():
                moved = slope[other] - slope[NASH] if kind == "u" else image[other]
                slope[name] = slope[name] + float(weight) * moved
        h.add_point((x[name], slope[name], value[name]))

    def divergence(name: str):
        return value[NASH] - value[name] - slope[name] * (x[NASH] - x[name])

    [before], [after] = statement.before.values(), statement.after.values()
    problem.set_initial_condition(divergence(before) <= 1)
    problem.set_performance_metric(divergence(after))
    return float(problem.solve(wrapper="cvxpy", solver="CLARABEL", verbose=0))
