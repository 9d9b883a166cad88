"""Closed forms: symbolically for all steps and tau, and exactly over a grid up to the end of the range."""

import math
from fractions import Fraction

import pytest

from nashsim.cli import call
from nashsim.errors import NashsimError
from nashsim.theory.proofs import closed_forms
from nashsim.theory.proofs.closed_forms import (
    CLOSED_FORMS,
    certificate_at,
    latex_proof,
    multipliers_on_grid,
    symbolic_remainder,
)
from nashsim.theory.proofs.rationals import rational

LARGEST = {
    "omd": lambda tau: 4 * tau / (1 + 4 * tau**2),
    "egpo": lambda tau: 2 * (math.sqrt(1 + tau**2) - tau),
}


@pytest.mark.parametrize("rule", CLOSED_FORMS)
def test_the_identity_holds_for_every_step_and_tau(rule):
    pytest.importorskip("sympy", reason="sympy is not installed (extra pep)")
    linear, quadratic = symbolic_remainder(rule)
    assert not linear and len(quadratic) >= 3


@pytest.mark.parametrize("rule", CLOSED_FORMS)
@pytest.mark.parametrize("tau", [0.05, 0.3, 1.0, 2.5])
def test_the_multipliers_prove_the_rate_to_the_end_of_the_range_and_not_beyond(rule, tau):
    for share, holds in ((0.2, True), (0.9999, True), (1.0001, False)):
        statement, certificate = certificate_at(rule, share * LARGEST[rule](tau), tau)
        [part] = statement.parts()
        factor = 1 - statement.eta * rational(tau)
        reason = certificate.proves(statement.execution, *part.at(factor, {}))
        assert (reason is None) is holds, reason
        target, constant = part.at(factor - Fraction(1, 10**6), {})
        assert certificate.proves(statement.execution, target, constant) is not None


def test_a_wrong_multiplier_leaves_something(monkeypatch):
    pytest.importorskip("sympy", reason="sympy is not installed (extra pep)")
    form = CLOSED_FORMS["omd"]
    for name in form.multipliers:
        wrong = dict(form.multipliers) | {name: "2*eta"}
        changed = closed_forms.ClosedForm(form.rule, wrong, form.condition, form.names)
        monkeypatch.setitem(closed_forms.CLOSED_FORMS, "omd", changed)
        linear, _ = symbolic_remainder("omd")
        assert linear
        with pytest.raises(NashsimError, match="do not sum"):
            latex_proof("omd")


@pytest.mark.parametrize("rule", CLOSED_FORMS)
def test_the_proof_is_latex(rule, capsys):
    pytest.importorskip("sympy", reason="sympy is not installed (extra pep)")
    text = latex_proof(rule)
    assert text.count("{") == text.count("}") and text.count("$") % 2 == 0
    assert text.startswith(r"\begin{theorem}") and text.endswith(r"\end{proof}")
    assert call(["prove", rule, "--latex"]) == 0
    assert capsys.readouterr().out.strip() == text
    assert call(["prove", "spo", "--latex"]) == 2


def test_the_solver_finds_the_closed_form_where_it_is_the_only_proof():
    """At the end of OMD's range the multipliers are unique."""
    rows = multipliers_on_grid("omd", [0.1, 0.3])
    assert {row["tau"] for row in rows} == {0.1, 0.3}
    for row in rows:
        rho = 1 - row["eta"] * row["tau"]
        wanted = {"rho": rho, "1 - rho": 1 - rho, "eta": row["eta"]}
        name = tuple(row["inequality"].split(" ", 1)[:1])
        closed = {
            key: wanted[text] for key, text in CLOSED_FORMS["omd"].multipliers.items() if key[:1] == name
        }
        assert min(abs(row["multiplier"] - value) for value in closed.values()) < 1e-5
