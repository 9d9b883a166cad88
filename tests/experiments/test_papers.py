"""Papers' experiments: the commands, every paper's short run, and verdicts that a planted fault turns."""

import json

import pytest

from nashsim.cli import call
from nashsim.cli.papers import find_papers, listed_papers, load_paper, results_folder
from nashsim.errors import NashsimError
from nashsim.figures import Curve, Setting
from nashsim.figures.paper import SOURCES, STATUSES, VERDICTS

PAPERS = sorted(find_papers())


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
    status, printed, said = spoken(capsys, "paper", "comal", "--quick", "--out", tmp_path)
    assert status == 0 and "[paper]" in printed and "reproduced" in printed and "comal.png" not in said


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


def test_comal_without_its_refresh_stalls(monkeypatch):
    from nashsim.rules import OMD

    paper = load_paper("comal")
    space = paper.compute.__globals__
    monkeypatch.setitem(space, "COMAL", lambda inner: OMD())
    found = judged(paper)
    assert found.pop("COMAL") == "differs" and set(found.values()) == {"reproduced"}


def test_nlhf_without_the_pull_to_the_reference_breaks_its_theorem(monkeypatch):
    from nashsim.rules import SPO

    paper = load_paper("nlhf")
    assert set(judged(paper).values()) == {"reproduced"}
    monkeypatch.setitem(paper.compute.__globals__, "NashMD", lambda: SPO(step=1.0))
    assert judged(paper)["Theorem 1: P_ε at ε = .1"] == "differs"
