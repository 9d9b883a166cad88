"""Certificates: confirmed without a solver, refused where any field was tampered with."""

import copy
import json
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nashsim.cli import call
from nashsim.errors import NashsimError
from nashsim.theory import check, prove
from nashsim.theory.proofs.proof import digest
from nashsim.theory.proofs.rationals import is_positive_semidefinite, rational, solve

from .optimism import Optimism


@pytest.fixture(scope="module")
def saved():
    return json.loads(json.dumps(prove("egpo", 0.3, eta=1.6).to_dict()))


def test_a_certificate_is_confirmed_without_a_solver(saved, monkeypatch):
    import cvxpy

    monkeypatch.setattr(cvxpy.Problem, "solve", None)
    proof = check(saved)
    assert proof.exact and proof.proved and float(proof.factor) == saved["factor"]


def _changed(value):
    """Return every value next to ``value``: numbers moved, texts altered, members lost or altered."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float):
        yield value * 0.999 - 1e-3
    elif value is None:
        yield 0.5
    elif isinstance(value, str):
        try:
            yield str(Fraction(value) * Fraction(999, 1000) - Fraction(1, 10**6))
        except ValueError:
            yield value + " "
    elif isinstance(value, dict):
        for key in value:
            yield {k: v for k, v in value.items() if k != key}
            for other in _changed(value[key]):
                yield {**value, key: other}
        yield {**value, "more": 1}
    elif isinstance(value, list):
        for k in range(0, len(value), max(1, len(value) // 7)):
            yield value[:k] + value[k + 1 :]
            for other in _changed(value[k]):
                yield value[:k] + [other] + value[k + 1 :]


def test_every_field_that_is_tampered_with_is_refused(saved):
    """As it stands, and with the digest made to fit: then what proves the same with less to spare is a proof."""
    tried = 0
    for name in saved:
        for other in _changed(saved[name]):
            changed = {**copy.deepcopy(saved), name: other}
            with pytest.raises(NashsimError, match="refused"):
                check(changed)
            if name == "digest" or (name == "certificates" and _spare(saved) == _spare(changed)):
                continue
            with pytest.raises(NashsimError, match="refused"):
                check({**changed, "digest": digest(changed)})
            tried += 1
        lacking = {key: value for key, value in saved.items() if key != name}
        with pytest.raises(NashsimError, match="refused"):
            check({**lacking, "digest": digest(lacking)} if name != "digest" else lacking)
    assert tried > 100


def test_a_truth_value_is_no_number(saved):
    for name, other in (("proved", 1), ("exact", 1), ("affine", 0), ("queries_per_step", 2.0)):
        with pytest.raises(NashsimError, match=f"refused: '{name}'"):
            check({**saved, name: other})


def _spare(saved) -> dict | None:
    """Return the certificates without what no scalar depends on: triangle inequalities and entries left over."""
    try:
        return {
            name: [m for m in part["multipliers"] if m[0] != "triangle"]
            for name, part in saved["certificates"].items()
            if part.keys() == {"multipliers", "nonnegative"}
        }
    except (AttributeError, KeyError, TypeError):
        return None


def test_a_larger_entry_left_over_is_refused(saved):
    other = copy.deepcopy(saved)
    other["certificates"]["decrease"]["nonnegative"] += [[["nash", "policy 0"], ["half 1", "policy 0"], "5"]]
    with pytest.raises(NashsimError, match="not positive semidefinite"):
        check({**other, "digest": digest(other)})


def test_a_certificate_of_another_rule_is_refused(saved):
    for other in ({"rule": "nash-md"}, {"rule": "omd"}, {"rule": "nothing"}, {"options": {"step": 1.5}}):
        changed = {**copy.deepcopy(saved), **other}
        with pytest.raises(NashsimError, match="refused"):
            check({**changed, "digest": digest(changed)})


def test_an_inequality_that_holds_for_equilibria_alone_is_refused_for_averages():
    saved = json.loads(json.dumps(prove("spo", 0.3).to_dict()))
    assert check(saved).exact
    saved["certificates"]["decrease"]["multipliers"] += [["nash", "policy 0", "1/2"]]
    with pytest.raises(NashsimError, match="names no inequality"):
        check({**saved, "digest": digest(saved)})


def test_a_rule_of_ones_own_is_checked_with_it(tmp_path):
    rule = Optimism(0.8)
    prove(rule, 0.1).save(tmp_path / "proof.json")
    assert check(tmp_path / "proof.json", rule).proved
    with pytest.raises(NashsimError, match="none of `nashsim rules`"):
        check(tmp_path / "proof.json")
    with pytest.raises(NashsimError, match="steps"):
        check(tmp_path / "proof.json", Optimism(0.8, 0.9))


def test_the_command_line(tmp_path, capsys):
    file = tmp_path / "omd.json"
    assert call(["prove", "omd", "--tau", "0.3", "--out", str(file), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["proved"] and found["exact"] and found["factor"] == pytest.approx(1 / 1.36, abs=1e-6)
    assert call(["prove", "--check", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == found
    assert call(["prove", "self-play-pg", "--tau", "0.3", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["proved"] is False and found["factor"] is None and "not proved" in found["status"]
    for bad in (
        "",
        "omd",
        "omd --tau -1",
        "nothing --tau 1",
        f"--check {file} --tau 1",
        "omd --tau 1 --eta 1 --best",
    ):
        assert call(["prove", *bad.split()]) == 2
        assert capsys.readouterr().err.count("\n") == 1


@given(st.integers(1, 6), st.integers(0, 2**31))
@settings(max_examples=60, deadline=None)
def test_exact_positive_semidefiniteness_against_eigenvalues(size, seed):
    rng = np.random.default_rng(seed)
    factor = rng.integers(-3, 4, (size, rng.integers(1, size + 1)))
    square = factor @ factor.T
    assert is_positive_semidefinite(square.tolist())
    square[0, 0] -= 1
    least = np.linalg.eigvalsh(square.astype(float))[0]
    if abs(least) > 1e-9:
        assert is_positive_semidefinite(square.tolist()) == (least > 0)


@given(st.integers(1, 5), st.integers(0, 2**31))
@settings(max_examples=40, deadline=None)
def test_exact_systems_against_their_solution(size, seed):
    rng = np.random.default_rng(seed)
    matrix = rng.integers(-4, 5, (size + 2, size))
    if np.linalg.matrix_rank(matrix) < size:
        return
    wanted = [Fraction(int(k), 7) for k in rng.integers(-9, 10, size)]
    rows = [
        {**dict(enumerate(map(int, row))), size: sum(int(a) * w for a, w in zip(row, wanted, strict=True))}
        for row in matrix
    ]
    assert solve(rows, size) == wanted
    rows[0] = {**rows[0], size: rows[0].get(size, 0) + 1}
    assert solve(rows, size) != wanted


def test_floats_are_read_as_the_rationals_they_stand_for():
    assert rational(0.1) == Fraction(1, 10) and rational(1 - 0.3 * 1.6) == Fraction(13, 25)
    assert abs(rational(np.sqrt(2)) - Fraction(np.sqrt(2))) <= Fraction(1, 10**15) * 2
