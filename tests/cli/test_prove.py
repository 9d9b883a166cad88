"""``nashsim prove`` as scripts rely on it: its keys, its exit status and one line for bad input, for every rule."""

import json

import pytest

from nashsim.cli import call
from nashsim.rules import RULES
from nashsim.theory.proofs.every_rule import FOLDER
from nashsim.theory.proofs.proof import digest

KEYS = ["rule", "tau", "eta", "proved", "factor", "queries_per_step", "factor_per_query", "exact", "status"]
NAMES = [cls.name for cls in RULES]


def prove(capsys, line: str) -> tuple[int, dict]:
    status = call(["prove", *line.split(), "--json"])
    written = capsys.readouterr()
    assert written.err == ""
    return status, json.loads(written.out)


def refused(capsys, *arguments: str) -> str:
    assert call(["prove", *arguments]) == 2
    written = capsys.readouterr()
    assert written.out == "" and written.err.count("\n") == 1 and written.err.startswith("nashsim: ")
    return written.err


@pytest.mark.parametrize("name", NAMES)
def test_every_rule_has_its_keys_and_its_status(name, capsys):
    status, found = prove(capsys, f"{name} --tau 0.3")
    assert [key for key in found if key != "constant"] == KEYS
    assert found["rule"] == name and found["tau"] == 0.3
    assert status == (0 if found["exact"] else 1)
    assert found["status"].startswith("proved, checked exactly" if found["exact"] else "not proved: ")
    # a factor is null but where a factor below 1 has a certificate
    assert found["proved"] is (found["factor"] is not None)
    assert not found["proved"] or (found["exact"] and 0 <= found["factor"] < 1)
    each = None if found["factor"] is None else found["factor"] ** (1 / found["queries_per_step"])
    assert found["factor_per_query"] == (None if each is None else pytest.approx(each, rel=1e-12))


@pytest.mark.parametrize(
    "name", ["omd", "inpo", "mmd", "nash-mp", "egpo", "nash-prox", "nash-md", "optimistic"]
)
def test_eta_is_the_forward_step_whatever_a_paper_prints(name, capsys):
    status, found = prove(capsys, f"{name} --tau 0.3 --eta 0.4")
    assert status == 0 and found["eta"] == pytest.approx(0.4, abs=1e-12)
    if found["proved"]:
        assert found["factor"] == pytest.approx(1 - 0.4 * 0.3, abs=1e-6)


@pytest.mark.parametrize("name", ["omd", "inpo", "mmd"])
def test_beyond_its_range_the_least_factor_found_is_proved(name, capsys):
    status, found = prove(capsys, f"{name} --tau 0.3 --eta {1.05 * 1.2 / 1.36}")
    assert status == 0 and found["proved"] and found["exact"]
    assert found["factor"] == pytest.approx(0.73623, abs=5e-6) and "is not proved" in found["status"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("eta", ["0", "-1", "nan", "inf", "1e300", "1e-300", "a lot"])
def test_a_step_that_is_none_is_refused_in_one_line(name, eta, capsys):
    assert "eta" in refused(capsys, name, "--tau", "0.3", "--eta", eta)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("tau", ["0", "-1", "nan", "inf", "1e300", "1e-320", "some"])
def test_a_tau_that_is_none_is_refused_in_one_line(name, tau, capsys):
    assert "tau" in refused(capsys, name, "--tau", tau)


@pytest.mark.parametrize("name", ["nash-md", "best-response", "omd", "self-play"])
def test_a_step_beyond_the_inverse_of_tau_is_not_proved_and_says_so(name, capsys):
    """1 - eta tau is below zero there: no factor, and none for a program to look for."""
    status, found = prove(capsys, f"{name} --tau 0.3 --eta 3.4")
    assert status == 1 and found["factor"] is None and found["status"].startswith("not proved: ")


def test_a_proximal_step_of_none_is_refused_under_the_name_that_was_asked_for(capsys):
    for name in ("mmd", "mpo", "nash-mp", "nash-prox"):
        assert f"'{name}'" in refused(capsys, name, "--tau", "0.3", "--eta", "4")


def test_a_huge_step_is_not_proved_and_says_so(capsys):
    status, found = prove(capsys, "spo --tau 0.3 --eta 1e8")
    assert status == 1 and not found["exact"] and found["factor"] is None


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["omdd", "--tau", "1"], "did you mean 'omd'"),
        (["omd"], "needs both"),
        (["omd", "egpo", "--tau", "1"], "extra argument"),
        (["omd", "--tau", "1", "--eta", "1", "--largest"], "eta"),
        (["omd", "--tau", "1", "--best", "--largest"], "eta"),
        (["--all", "--tau", "1", "--eta", "0"], "--tau"),
        (["--all"], "--tau"),
        (["omd", "--latex", "--eta", "0"], "latex"),
        (["spo", "--latex"], "closed form"),
        (["--check", "none.json"], "none.json"),
        (["--check", "."], "."),
        (["--check", "none.json", "--eta", "0"], "leave out --eta"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(arguments, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert said in refused(capsys, *arguments)


def test_files_that_are_no_certificates_are_refused_in_one_line(capsys, tmp_path):
    good = (FOLDER / "egpo.json").read_bytes()
    huge = b'{"format": "nashsim proof 1", "x": "' + b"a" * (1 << 24) + b'"}'
    files = {
        "truncated": good[: len(good) // 2],
        "empty": b"",
        "words": b"a proof",
        "bytes": bytes(range(256)),
        "list": b"[1, 2]",
        "deep": b"[" * 100_000,
        "number": b"1e999",
        "huge": huge,
        "table": (FOLDER / "table.json").read_bytes(),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        assert name in refused(capsys, "--check", str(tmp_path / name))
    (tmp_path / "good").write_bytes(good)
    status, found = prove(capsys, f"--check {tmp_path / 'good'}")
    assert status == 0 and list(found)[:3] == KEYS[:3]


@pytest.mark.parametrize(
    "field",
    ["rule", "tau", "eta", "factor", "kind", "affine", "options", "exact_tau", "exact_factor", "steps"],
)
@pytest.mark.parametrize(
    "value", [None, 7, -1.5, float("inf"), float("nan"), "1e999999999", "1/0", "x", [], {}, [[]], True]
)
def test_a_field_of_another_kind_is_refused_in_one_line(field, value, capsys, tmp_path):
    """An exponent among fractions would stand for a number of a thousand million digits."""
    saved = json.loads((FOLDER / "egpo.json").read_text())
    changed = {**saved, field: value}
    file = tmp_path / "changed.json"
    file.write_text(json.dumps({**changed, "digest": digest(changed)}))
    assert "refused" in refused(capsys, "--check", str(file))
