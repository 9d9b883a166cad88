"""Proofs for every tau and step at once: multipliers in closed form, confirmed symbolically, printed as LaTeX."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from ...errors import NashsimError, unknown_name
from ...rules import EGPO, OMD, Rule
from .certificate import Certificate
from .inequalities import named
from .numbers import ExactStep, numbers_of
from .policies import NASH, Execution, combine, read_first
from .proving import prove
from .rationals import rational
from .statements import CONTRACTION, Statement


@dataclass(frozen=True)
class ClosedForm:
    """Multipliers of a contraction by 1 - eta tau as expressions in eta and tau, and where they prove it.

    Attributes
    ----------
    rule : type
        A rule whose one parameter is the forward ``step``.
    multipliers : dict of tuple of str to str
        By inequality; ``rho`` stands for 1 - eta tau.
    condition : str
        Where the quadratic form left over is nonnegative, in LaTeX.
    names : dict of str to str
        LaTeX of the policies.
    """

    rule: type[Rule]
    multipliers: dict[tuple[str, ...], str]
    condition: str
    names: dict[str, str]


#: By the name of the rule; INPO and MMD are the map of OMD, Nash-MP that of EGPO.
CLOSED_FORMS = {
    "omd": ClosedForm(
        OMD,
        {
            ("pinsker", "policy 1", "policy 0"): "rho",
            ("pinsker", "policy 1", NASH): "1 - rho",
            ("lipschitz", "+", "policy 0", "policy 1", "policy 1", NASH): "eta",
        },
        r"\eta \le 4\tau/(1 + 4\tau^2)",
        {"policy 0": r"\pi", "policy 1": r"\pi^+", NASH: r"\pi^*"},
    ),
    "egpo": ClosedForm(
        EGPO,
        {
            ("pinsker", "half 1", "policy 0"): "rho",
            ("pinsker", "policy 1", "half 1"): "1",
            ("pinsker", "half 1", NASH): "1 - rho",
            ("lipschitz", "+", "half 1", "policy 0", "policy 1", "half 1"): "eta",
        },
        r"\eta^2 \le 4(1 - \eta\tau)",
        {"policy 0": r"\pi", "half 1": r"\pi^{1/2}", "policy 1": r"\pi^+", NASH: r"\pi^*"},
    ),
}


def closed_form(rule: str) -> ClosedForm:
    """Return the closed form of a rule.

    Raises
    ------
    NashsimError
        Where none is known.
    """
    if rule not in CLOSED_FORMS:
        raise unknown_name("closed form of a proof", rule, CLOSED_FORMS)
    return CLOSED_FORMS[rule]


def symbolic_remainder(rule: str) -> tuple[dict, dict]:
    """Return what the multipliers leave of rho d - d+, which must be nothing, and of the quadratic form.

    The rule's own steps are carried out on the symbols eta and tau.

    Returns
    -------
    linear : dict
        By scalar; empty where the identity holds for all eta and tau.
    quadratic : dict
        By product of distances, sympy expressions whose form must be nonnegative.
    """
    sympy = _sympy()
    form = closed_form(rule)
    eta, tau = sympy.symbols("eta tau", positive=True)
    rho = 1 - eta * tau
    instance = object.__new__(form.rule)  # past the check of a number: the step is a symbol here
    object.__setattr__(instance, "step", eta)
    steps = [
        ExactStep(dict(s.base), dict(s.opponent), s.eta, s.into, s.arithmetic) for s in instance.steps(tau, 0)
    ]
    execution = Execution(tau)
    for slot in read_first([steps]):
        execution.unknown(slot)
    start = execution.slots["policy"]
    for step in steps:
        execution.step(step)
    after = execution.slots["policy"]
    values = {"eta": eta, "rho": rho}
    used = [
        (sympy.sympify(text, locals=values), named(execution, name))
        for name, text in form.multipliers.items()
    ]
    target = combine((rho, execution.kl(NASH, start)), (-1, execution.kl(NASH, after)))
    linear = combine((1, target), *((-value, i.linear) for value, i in used))
    quadratic = combine(*((-value, i.quadratic) for value, i in used))
    linear = {key: sympy.simplify(value) for key, value in linear.items()}
    return {key: value for key, value in linear.items() if value != 0}, quadratic


def certificate_at(rule: str, eta: float, tau: float) -> tuple[Statement, Certificate]:
    """Return the closed form's certificate at a step and tau, with the statement that it is to prove."""
    form = closed_form(rule)
    statement = Statement.of(CONTRACTION, numbers_of(form.rule(step=eta), tau), rational(tau), affine=False)
    rho = 1 - statement.eta * rational(tau)
    values = {"rho": rho, "1 - rho": 1 - rho, "eta": statement.eta, "1": Fraction(1)}
    return statement, Certificate({name: values[text] for name, text in form.multipliers.items()}, {})


def multipliers_on_grid(rule: Rule | str, taus: Sequence[float], share: float = 1.0) -> list[dict]:
    """Return the multipliers of proofs over a grid of tau, data for a proof by hand.

    Parameters
    ----------
    rule : Rule or str
    taus : sequence of float
    share : float
        Of the largest step that the rule's condition admits.

    Returns
    -------
    list of dict
        ``tau, eta, factor, part, inequality, multiplier``, of proofs that were confirmed.
    """
    from ...rules import get_rule

    rows = []
    for tau in taus:
        eta = share * get_rule(rule).largest_eta(tau)
        proof = prove(get_rule(rule).name, tau, eta=eta)
        for part, certificate in (proof.certificates or {}).items():
            for name, value in certificate.multipliers.items():
                rows.append(
                    {
                        "tau": tau,
                        "eta": eta,
                        "factor": float(proof.factor),
                        "part": part,
                        "inequality": " ".join(name),
                        "multiplier": float(value),
                    }
                )
    return rows


def latex_proof(rule: str) -> str:
    """Return a proof in LaTeX of KL(pi* || pi+) <= (1 - eta tau) KL(pi* || pi), once it is confirmed symbolically.

    Parameters
    ----------
    rule : str
        Of ``CLOSED_FORMS``.

    Raises
    ------
    NashsimError
        Without sympy, or where no closed form is known.

    Examples
    --------
    >>> print(latex_proof("omd").splitlines()[0])
    \\begin{theorem}
    """
    sympy = _sympy()
    form = closed_form(rule)
    linear, quadratic = symbolic_remainder(rule)
    if linear:
        raise NashsimError(f"the multipliers of {rule!r} do not sum to what is to be proved: {linear}")
    names = form.names

    def divergence(p: str, r: str) -> str:
        return rf"\mathrm{{KL}}({names[p]} \,\|\, {names[r]})"

    def weight(text: str) -> str:
        return {"1": "", "rho": r"\rho\,", "1 - rho": r"(1-\rho)\,", "eta": r"\eta\,"}[text]

    first, last = "policy 0", "policy 1"
    terms = []
    for (kind, *arguments), text in form.multipliers.items():
        if kind == "pinsker":
            terms.append("+ " + weight(text) + divergence(*arguments))
            continue
        sign, a, b, c, d = arguments
        bracket = rf"\langle A({names[a]} - {names[b]}),\, {names[c]} - {names[d]} \rangle"
        terms.append(("- " if sign == "+" else "+ ") + weight(text) + bracket)
    identity = " ".join(terms).removeprefix("+ ")
    letters: dict = {}
    for pair in quadratic:
        for d in pair:
            letters.setdefault(d, f"N_{{{len(letters) + 1}}}")
    meaning = ", ".join(rf"{n} = \|{names[a]} - {names[b]}\|_1" for (a, b), n in letters.items())
    symbols = {n: sympy.Symbol(n) for n in letters.values()}
    rho = sympy.Symbol("rho")
    eta, tau = sympy.symbols("eta tau", positive=True)
    left = sum(v * symbols[letters[a]] * symbols[letters[b]] for (a, b), v in quadratic.items())
    left = sympy.expand(left.subs(tau, (1 - rho) / eta))
    steps = r",\quad ".join(_step(s) for s in form.rule(step=0.5).steps(0.5, 0))
    return "\n".join(
        [
            r"\begin{theorem}",
            rf"Let $\eta > 0$, ${form.condition}$ and $\rho = 1 - \eta\tau$. With ${steps}$ it holds that"
            rf" ${divergence(NASH, last)} \le \rho\, {divergence(NASH, first)}$.",
            r"\end{theorem}",
            r"\begin{proof}",
            r"Let $A = P - 1/2$, skew with entries of at most $1/2$."
            r" As $\tau \log(\pi^*/\mu) = A\pi^* + \mathrm{const}$, subtracting $\log \pi^*$ leaves no reference"
            r" in the steps, and the definition of KL gives the identity",
            rf"\[ \rho\, {divergence(NASH, first)} - {divergence(NASH, last)} = {identity}. \]",
            r"By Pinsker's inequality, $\mathrm{KL}(p \,\|\, q) \ge \|p - q\|_1^2/2$, and"
            r" $|\langle A(a - b),\, c - d \rangle| \le \|a - b\|_1 \|c - d\|_1/2$ the right-hand side is at least",
            rf"\[ {sympy.latex(left)}, \qquad {meaning}, \]",
            rf"which is nonnegative where ${form.condition}$.",
            r"\end{proof}",
        ]
    )


def _step(step) -> str:
    into = {"policy": r"\pi^+", "half": r"\pi^{1/2}"}[step.into]
    opponent = {"policy": r"\pi", "half": r"\pi^{1/2}"}[next(iter(step.opponent))]
    return rf"\log {into} = \rho \log \pi + (1-\rho) \log \mu + \eta P(\cdot \succ {opponent}) + \mathrm{{const}}"


def _sympy():
    try:
        import sympy
    except ImportError:
        raise NashsimError("sympy: a proof in LaTeX needs it; pip install 'nashsim[pep]'") from None
    return sympy
