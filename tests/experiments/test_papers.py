"""Papers' experiments: the commands, every paper's short run, and verdicts that a planted fault turns."""

import json
import tomllib
from dataclasses import replace

import numpy as np
import pytest

from nashsim.cli import call
from nashsim.cli.papers import find_papers, listed_papers, load_paper, results_folder
from nashsim.engine import run_many
from nashsim.errors import NashsimError
from nashsim.figures import Curve, Setting
from nashsim.figures.paper import SOURCES, STATUSES, VERDICTS
from nashsim.logspace import log_normalise
from nashsim.rules import DNO, INPO, IPOMD, MMD, MNPO, OMD, SPO, NashMP
from nashsim.solutions.samples import sample_nash

PAPERS = sorted(find_papers())
SUFFIXES = [".csv", ".json", ".png"]


def spoken(capsys, *arguments):
    """Return the exit status, what was printed and what was said."""
    status = call([str(argument) for argument in arguments])
    return status, *capsys.readouterr()


def judged(paper, frame=None) -> dict[str, str]:
    """Return the verdict of every curve of a paper's short run."""
    frame = paper.compute(True) if frame is None else frame
    return {curve.name: curve.verdict(paper.settings)["verdict"] for curve in paper.judge(frame)}


def test_the_list_has_every_paper_with_its_verdicts(capsys):
    status, printed, _ = spoken(capsys, "papers", "--json")
    listed = json.loads(printed)
    assert status == 0 and [one["id"] for one in listed] == PAPERS
    for one in listed:
        assert set(one) == {"id", "title", "figure", "status", "curves"} and one["status"] in STATUSES
        assert one["status"] == "absent" or one["curves"]
        for curve in one["curves"]:
            assert (
                set(curve) == {"name", "verdict", "note"} and curve["verdict"] in VERDICTS and curve["note"]
            )
    status, printed, _ = spoken(capsys, "papers")
    assert status == 0 and "comal" in printed


def test_an_unknown_paper_is_refused_with_the_nearest(capsys):
    status, printed, said = spoken(capsys, "paper", "comall")
    assert status == 2 and not printed and said.count("\n") == 1 and "did you mean 'comal'" in said


def test_a_paper_answers_to_its_arxiv_number():
    assert load_paper("2410.23223").id == load_paper("comal").id == "comal"
    with pytest.raises(NashsimError, match="unknown paper"):
        load_paper("2410.99999")


def test_a_folder_that_is_a_file_is_refused(capsys, tmp_path):
    (tmp_path / "taken").write_text("")
    status, _, said = spoken(capsys, "paper", "comal", "--quick", "--out", tmp_path / "taken")
    assert status == 2 and said.count("\n") == 1 and "taken" in said


def test_a_paper_is_drawn_with_settings_equilibria_and_verdicts(capsys, tmp_path):
    status, printed, _ = spoken(capsys, "paper", "comal", "--quick", "--out", tmp_path, "--json")
    found = json.loads(printed)
    assert status == 0 and found == json.loads((tmp_path / "comal.json").read_text())
    assert (tmp_path / "comal.png").stat().st_size > 10_000 and (tmp_path / "comal.csv").exists()
    assert found["status"] == "partial" and found["quick"]
    assert {setting["source"] for setting in found["settings"]} <= set(SOURCES)
    assert found["equilibria"][0]["policy"] == pytest.approx([4 / 11, 3 / 11, 4 / 11])
    assert (
        not (tmp_path / "quick").exists() and sorted(path.suffix for path in tmp_path.iterdir()) == SUFFIXES
    )


def test_a_paper_speaks_to_people(monkeypatch, capsys, tmp_path):
    stored = json.loads((results_folder() / "spo.json").read_text())
    monkeypatch.setattr(type(load_paper("spo")), "reproduce", lambda *_: stored)
    status, printed, said = spoken(capsys, "paper", "spo", "--quick", "--out", tmp_path)
    assert status == 0 and "[paper]" in printed and "ours" in printed and "reproduced" in printed
    assert "drawn" in said and str(tmp_path) in said


def test_a_paper_of_which_nothing_is_stored_is_absent(monkeypatch, tmp_path):
    monkeypatch.setattr("nashsim.cli.papers.results_folder", lambda: tmp_path)
    listed = listed_papers()
    assert {one["status"] for one in listed} == {"absent"} and all(one["title"] for one in listed)


@pytest.mark.parametrize("name", PAPERS)
def test_what_is_stored_is_what_the_script_says_of_itself(name):
    paper, stored = load_paper(name), json.loads((results_folder() / f"{name}.json").read_text())
    assert paper.id == stored["id"] == name and paper.title == stored["title"]
    assert (results_folder() / stored["figure"]).stat().st_size < 400_000
    assert [vars(setting) for setting in paper.settings] == stored["settings"]
    assert stored["status"] == ("partial" if paper.missing or stored["quick"] else "drawn")
    assert all(one["residual"] < 1e-9 for one in stored["equilibria"]) and stored["equilibria"]


def test_a_curve_that_rests_on_a_setting_of_ours_is_unknown():
    settings = (Setting("game", "rps", "paper"), Setting("step", ".1", "ours"))
    assert Curve("a", "1", "1", True, ("game",)).verdict(settings)["verdict"] == "reproduced"
    assert Curve("a", "2", "1", False, ("game",)).verdict(settings)["verdict"] == "differs"
    assert Curve("a", "2", "1", None, ("game",)).verdict(settings)["verdict"] == "unknown"
    left_out = Curve("a", "1", "1", True, ("game", "step")).verdict(settings)
    assert left_out["verdict"] == "unknown" and "step" in left_out["note"]
    with pytest.raises(NashsimError, match="'tau', which is no setting"):
        Curve("a", "1", "1", True, ("tau",)).verdict(settings)
    with pytest.raises(NashsimError, match="ours"):
        Setting("game", "rps", "guessed")


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] * (n == "egpo")) for n in PAPERS])
def test_every_curve_of_a_short_run_has_a_verdict(name):
    """Nothing differs in a short run but what differs in the stored one."""
    stored = json.loads((results_folder() / f"{name}.json").read_text())
    expected = {curve["name"]: curve["verdict"] for curve in stored["curves"]}
    found = judged(load_paper(name))
    assert found and set(found) <= set(expected)
    assert {curve: expected[curve] for curve in found} == found


@pytest.mark.slow
@pytest.mark.parametrize("name", PAPERS)
def test_every_paper_is_drawn(name, tmp_path):
    found = load_paper(name).reproduce(tmp_path, quick=True)
    assert (tmp_path / found["figure"]).stat().st_size > 10_000 and found["status"] == "partial"


def _of_two_players(space):
    return lambda known, samples: sample_nash(known, 1)


def _at_another_tau(space):
    points = space["points"]
    return lambda game, s, start: points(game.replace(tau=2 * game.tau), s, start)


def _reversed(space):
    stack = space["stack"]
    return lambda utilities, beta, tau: stack(1 - utilities, beta, tau)


def _explored(space):
    play = space["run_regret"]
    return lambda game, name, **how: play(game, "enpo-oracle" if name == "inpo-online" else name, **how)


def _easy(space):
    return lambda tau: space["games"].get("hard-c", tau=0.3).replace(tau=tau)


def _flipped(space):
    class Flipped(INPO):
        def steps(self, tau, t):
            [step] = super().steps(tau, t)
            return (replace(step, eta=-step.eta),)

    return Flipped


#: The fault that is planted in a paper's script: the name it replaces there, what by, and the curve that then differs.
FAULTS = {
    "comal": ("COMAL", lambda space: lambda inner: OMD(), "COMAL"),
    "distortion": ("stack", _reversed, "Nash, β = 0.5"),
    "dno": (
        "DNO",
        lambda space: lambda eta_inverse: DNO(eta_inverse / 3),
        "improvement: COMAL's cycle, n = 3",
    ),
    "egpo": ("EGPO", lambda space: OMD, "EGPO: exact tabular, β = 0.01"),
    "enpo": ("run_regret", _explored, "iterative NLHF (INPO)"),
    "inpo": ("INPO", _flipped, "average iterate: COMAL's cycle"),
    "ipo-md": ("OnlineIPO", lambda space: lambda: IPOMD(mixture=0.5), "online IPO"),
    "mmd": ("MMD", lambda space: lambda: MMD(prox_weight=1e-3), "rate: comal"),
    "mnpo": ("MNPO", lambda space: lambda step, players: MNPO(1e-9, players), "average iterate, 3 players"),
    "mpo": ("MPO", lambda space: lambda inner: MMD(), "last iterate: COMAL's cycle"),
    "nash-mp": ("NashMP", lambda space: lambda: NashMP(prox_step=2e-3), "KL, n = 10"),
    "nash-prox": ("points", _at_another_tau, "exact points, s = 10τ"),
    "nlhf": ("NashMD", lambda space: lambda: SPO(step=1.0), "Theorem 1: P_ε at ε = .1"),
    "omwu": ("RULES", lambda space: {**space["RULES"], "OMWU": lambda step: SPO(step=step)}, "OMWU: comal"),
    "onpo": ("ONPO", lambda space: lambda step=0.125: SPO(step=step), "last iterate: comal"),
    "ye": ("instance", _easy, "both responses from the policy"),
    "samples": ("sample_nash", _of_two_players, "random users"),
    "spo": ("SPO", lambda space: lambda step: SPO(step=1e-9), "average iterate: rps"),
}


#: Faults that take a second or more each.
DEAR = ("comal", "egpo", "enpo", "ipo-md", "nash-mp", "nash-prox", "ye")


@pytest.mark.filterwarnings("ignore::nashsim.errors.StepSizeWarning")
@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] * (n in DEAR)) for n in FAULTS])
def test_a_planted_fault_turns_the_verdict(monkeypatch, name):
    paper, (replaced, by, curve) = load_paper(name), FAULTS[name]
    space = paper.compute.__globals__
    assert replaced in space
    monkeypatch.setitem(space, replaced, by(space))
    assert judged(paper)[curve] == "differs"


def test_every_paper_with_a_verdict_has_a_fault():
    stated = {one["id"] for one in listed_papers() if any(c["verdict"] != "unknown" for c in one["curves"])}
    assert stated == set(FAULTS)


@pytest.mark.filterwarnings("ignore::nashsim.errors.StepSizeWarning")
def test_descent_on_egpos_losses_is_the_rules_at_the_converted_steps():
    """Gradients of the released code's losses, typed out for all policies, against the engine's steps."""
    space = load_paper("egpo").compute.__globals__
    beta, rate, steps = 0.1, 0.1, np.array([0, 40])
    many = space["instances"](beta, 10)
    wins = np.array([game.probabilities[0] for game in many])
    reference = np.array([game.log_reference[0] for game in many])
    losses = space["Losses"](wins, reference, beta, rate)
    for method, rule in space["rules"](beta, rate, 10).items():
        logits = space["descend"](method, space["Table"](reference), losses, rate, steps)[-1]
        runs = run_many(many, rule, queries=40 * rule.queries_per_step, metrics=[])
        assert np.exp(log_normalise(logits)) == pytest.approx(
            np.exp([r.log_policy[0] for r in runs]), abs=1e-12
        )


def test_the_networks_gradient_is_that_of_differences():
    space = load_paper("egpo").compute.__globals__
    network = space["Network"](np.random.default_rng(0), 6)
    weights = np.random.default_rng(1).normal(size=network.logits().shape)
    found = network.gradient(weights)
    for value, slope in zip(network.values, found, strict=True):
        at = (0,) * value.ndim
        kept, by_differences = value[at], []
        for shift in (1e-6, -1e-6):
            value[at] = kept + shift
            by_differences.append(np.sum(weights * network.logits()))
        value[at] = kept
        assert slope[at] == pytest.approx((by_differences[0] - by_differences[1]) / 2e-6, abs=1e-6)


def test_a_wheel_carries_the_verdicts_to_where_they_are_read(monkeypatch, tmp_path):
    root = results_folder().parent.parent
    wheel = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert "figures/papers" in wheel["only-include"]
    package = tmp_path / "nashsim"
    monkeypatch.setattr("nashsim.cli.papers.__file__", str(package / "cli" / "papers.py"))
    assert results_folder() == tmp_path / wheel["sources"]["figures/papers"]
