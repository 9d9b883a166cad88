"""``nashsim verify``: exit status, the schema of its JSON, a report that needs nothing else, errors in one line."""

import json
import re
import sys
import types
from dataclasses import replace
from html import escape
from html.parser import HTMLParser

import numpy as np
import pytest

from nashsim.cli import call
from nashsim.theory import CLAIMS, Domain, get_claim, svg, verify
from nashsim.theory import claims as claims_module
from nashsim.theory.claims.files import save_instance
from nashsim.theory.report import html_report, mathematics
from nashsim.theory.svg import histogram, line_figure
from nashsim.theory.verification import examine

QUICK = ["gap-identity", "nash-mp-span", "omwu-last"]
TYPES = {
    "id": str,
    "source": str,
    "tag": str,
    "games": int,
    "worst_ratio": (int, float),
    "rate": (int, float, type(None)),
    "rate_low": (int, float, type(None)),
    "rate_high": (int, float, type(None)),
    "predicted": str,
    "control_rejected": bool,
    "verdict": str,
}


def run(capsys, *arguments):
    status = call(["verify", *arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_json_has_the_promised_schema(capsys):
    status, out, err = run(capsys, *QUICK, "--games", "8", "--json")
    found = json.loads(out)
    assert status == 0 and err == "" and list(found) == ["claims"]
    assert [claim["id"] for claim in found["claims"]] == QUICK
    for claim in found["claims"]:
        assert set(claim) == set(TYPES)
        for name, kind in TYPES.items():
            assert isinstance(claim[name], kind), (name, claim[name])
    by_id = {claim["id"]: claim for claim in found["claims"]}
    assert by_id["gap-identity"]["rate"] is None and by_id["omwu-last"]["verdict"] == "measured"
    rate = by_id["nash-mp-span"]
    assert rate["rate_low"] <= rate["rate"] <= rate["rate_high"]


def test_claims_and_theorems_without_one_are_listed(capsys):
    status, out, err = run(capsys, "--list", "--json")
    listed = json.loads(out)
    assert (
        status == 0
        and err == ""
        and [row["id"] for row in listed["claims"]] == [claim.id for claim in CLAIMS]
    )
    known = {claim.id for claim in CLAIMS}
    for row in listed["unclaimed"]:
        assert all(row.values()) and set(re.findall(r"[a-z]+(?:-[a-z0-9]+)+", row["nearest"])) & known, row
    status, out, _ = run(capsys, "--list")
    assert status == 0 and "Theorems without a claim" in out and "nash-unique" in out
    status, out, _ = run(capsys, "gap-identity", "--list")
    assert status == 0 and "gap-identity" in out and "Theorems without" not in out


def test_files_are_written_and_the_table_printed(capsys, tmp_path):
    status, out, err = run(capsys, *QUICK, "--games", "8", "--out", str(tmp_path / "deep" / "report"))
    assert status == 0 and "Claims" in out and "rejected" in out and "measured" in out
    folder = tmp_path / "deep" / "report"
    saved = json.loads((folder / "verify.json").read_text())
    assert [claim["id"] for claim in saved["claims"]] == QUICK
    assert "verify.html" in err and (folder / "verify.html").read_text().startswith("<!doctype html>")


def test_a_failure_and_a_passing_control_exit_with_1(capsys, monkeypatch):
    claim = get_claim("gap-identity")
    broken = replace(claim.planted(), id="broken")
    toothless = replace(claim, id="toothless", control=replace(claim.control, algorithm=claim.algorithm))
    monkeypatch.setattr(claims_module, "CLAIMS", (broken, toothless))
    for name, verdict in (("broken", "fails"), ("toothless", "control passes")):
        status, out, err = run(capsys, name, "--games", "4", "--json")
        [found] = json.loads(out)["claims"]
        assert status == 1 and found["verdict"] == verdict and name in err
        assert found["control_rejected"] is (name == "broken")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nope"], "unknown claim"),
        (["gap-identity", "--games", "0"], "at least one game"),
        (["gap-identity", "--full", "--games", "3"], "not both"),
        (["gap-identity", "--falsify", "-1"], "a time > 0"),
        (["gap-identity", "--jobs", "0"], "at least one process"),
        (["gap-identity", "--game", "no-such-file.json"], "there is no file"),
        (["spo-cycles", "--game", "tldr"], "no chosen claim admits"),
    ],
)
def test_errors_are_one_line(capsys, arguments, said):
    status, out, err = run(capsys, *arguments)
    assert status == 2 and out == "" and said in err and err.count("\n") == 1


def test_a_violation_that_the_search_finds_is_a_failure(capsys, monkeypatch):
    def found(claims, *, seconds, seed, out):
        assert seconds == 0.5 and seed == 3 and out is None
        keys = {"worst_ratio": 1.5, "evaluations": 7, "control_found": True}
        return [{"id": claim.id, "violated": True, **keys} for claim in claims]

    fake = types.ModuleType("nashsim.theory.falsify")
    fake.falsify = found
    monkeypatch.setitem(sys.modules, "nashsim.theory.falsify", fake)
    options = ("--games", "4", "--falsify", "0.5", "--seed", "3")
    status, out, err = run(capsys, "gap-identity", "omwu-last", *options)
    # what is only recalled may be violated
    assert status == 1 and "Falsification" in out and "1 of 2 claims do not stand: gap-identity" in err
    status, out, _ = run(capsys, "omwu-last", *options, "--json")
    assert status == 0 and json.loads(out)["falsification"][0]["violated"] is True


def test_a_game_of_ones_own(capsys, tmp_path):
    """A catalogue name, a matrix and a saved instance; each claim says so for that game alone."""
    np.savetxt(tmp_path / "game.csv", [[0.5, 0.9, 0.2], [0.1, 0.5, 0.8], [0.8, 0.2, 0.5]], delimiter=",")
    instance = get_claim("nash-mp-kl").sample(2)
    save_instance(tmp_path / "worst.json", instance)
    for game, games in (("rps", 20), (str(tmp_path / "game.csv"), 20), (str(tmp_path / "worst.json"), 1)):
        status, out, _ = run(capsys, "gap-identity", "nash-mp-kl", "spo-cycles", "--game", game, "--json")
        found = json.loads(out)["claims"]
        assert status == 0 and [c["id"] for c in found] == ["gap-identity", "nash-mp-kl"]
        assert {c["games"] for c in found} == {games}


class Page(HTMLParser):
    """Which tags open and close, and every attribute value."""

    VOID = ("input", "meta", "line", "rect", "circle", "path", "polyline", "br")

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.values = [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.values += [(name, value or "") for name, value in attributes]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag


@pytest.fixture(scope="module")
def page():
    return html_report(verify(QUICK, games=8))


def test_the_report_is_self_contained(page):
    links = re.findall(r'<a href="(https:[^"]*)"', page)
    assert links and all(link.startswith("https://arxiv.org/abs/") for link in links)
    assert not re.search(r"https?:|//|@import|url\(", re.sub(r'<a href="https:[^"]*"', "<a", page))
    parsed = Page()
    parsed.feed(page)
    assert parsed.open == []
    assert not {"link", "img", "iframe", "object", "embed"} & set(parsed.tags)
    assert not any(name in ("src", "srcset", "data") for name, _ in parsed.values)
    assert all(value.startswith("#") or value in links for name, value in parsed.values if name == "href")
    assert "prefers-color-scheme: dark" in page and "<script>" in page


def test_every_claim_opens_to_its_statement_worst_game_and_figures(page):
    sections = page.split("<details")[1:]
    assert len(sections) == len(QUICK)
    for name, section in zip(QUICK, sections, strict=True):
        claim = get_claim(name)
        assert f'id="{name}"' in section and mathematics(claim.statement) in section
        assert escape(claim.control.name) in section and "worst game" in section and "<svg" in section
        assert "P(row ≻ column)" in section
        assert f'href="#{name}"' in page


def test_numbers_sort_as_numbers(page):
    keys = re.findall(r'<td class="number" data-key="([^"]*)">', page)
    assert len(keys) == 3 * len(QUICK)
    assert all(key == "" or np.isfinite(float(key)) for key in keys)


def test_the_report_tells_seed_and_day_and_has_a_filter():
    told = html_report(verify(QUICK[:1], games=2), seed=7, date="2026-01-31")
    assert "seed 7, 2026-01-31" in told and f'data-claim="{QUICK[0]}" data-verdict="holds"' in told
    assert 'id="words"' in told and '<option value="">any verdict</option><option>holds</option>' in told


def test_a_ratio_near_one_of_a_step_that_hardly_moves_is_not_called_tight():
    claim = get_claim("nash-md-step")
    slow = Domain(actions=(2, 12), tau=(0.03, 3.0), step=(0.002, 0.01), floor=30.0, edges=False)
    found = examine(claim, slow.instances(40))
    section = html_report([found]).split("<details")[1]
    share = float(found.evidence.tightness()[0])
    assert f"claims {share:.3g} of the measured rate of decrease" in section
    assert share < 0.9 < found.worst_ratio


def test_mathematics_is_set():
    assert mathematics("max_π' KL_{t+1} ≤ ρ^t e^{−1/τ}") == (
        '<span class="math">max<sub>π\'</sub> KL<sub>t+1</sub> ≤ ρ<sup>t</sup> e<sup>−1/τ</sup></span>'
    )
    assert all(
        "_" not in mathematics(claim.statement) and "^" not in mathematics(claim.statement)
        for claim in CLAIMS
    )


def test_ticks_count_whole_games_and_zeros_are_shown():
    text = histogram(np.array([0.0, 0.0, 0.0, 0.5, 2.0]), "ratio")
    ticks = re.findall(r'text-anchor="end">([^<]*)<', text)
    assert ticks == ["0", "1", "2", "3"] and "<title>3 games</title>" in text and ">0</text>" in text
    line = line_figure(np.arange(1, 4), [("a", "measured", np.array([1.0, 0.0, 0.5]))], "t", "KL")
    assert line.count("<circle") == 1 and "exact zeros" in line


def test_powers_of_ten_beyond_a_thousand_are_written_as_powers():
    marks = svg.Axis(1e-5, 10.0, 0, 1, log=True).ticks()
    assert [text for _, text in marks] == ["1e-5", "1e-4", "0.001", "0.01", "0.1", "1", "10"]
    assert [text for _, text in svg.Axis(1e3, 1e5, 0, 1, log=True).ticks()] == ["1000", "1e4", "1e5"]


def test_games_beyond_the_mark_stand_beyond_it():
    text = histogram(np.array([0.5, 2.0, 4.0]), "ratio")
    bars = sorted(float(x) for x in re.findall(r'<rect class="measured" x="([\d.]+)"', text))
    mark = float(re.search(r'<line class="bound" x1="([\d.]+)"', text)[1])
    assert len(bars) == 3 and bars[0] < mark < bars[1] < bars[2]


def test_figures_of_hard_data():
    x = np.arange(1, 50)
    text = line_figure(x, [("a", "measured", np.exp(-x)), ("b", "bound", np.full(49, np.nan))], "t", "KL <1>")
    assert "nan" not in text and "&lt;1&gt;" in text
    assert "exact zeros" in line_figure(x, [("a", "measured", np.zeros(49))], "t", "KL")
    for values in ([0.0, 0.0], [np.inf, 0.5], [1.0] * 5, [1e-300, 2.0]):
        assert "nan" not in histogram(np.array(values), "ratio")


def test_lines_and_points_stay_inside_the_axes():
    x = np.arange(1, 50)
    curves = [("a", "measured", np.exp(-x / 9)), ("b", "bound", 2 * np.exp(-x / 9))]
    for text in (line_figure(x, curves, "t", "KL"), histogram(np.geomspace(0.01, 2, 60), "ratio")):
        across = [float(v) for v in re.findall(r'\b(?:x|x1|x2|cx)="(-?[\d.]+)"', text)]
        down = [float(v) for v in re.findall(r'\b(?:y|y1|y2|cy)="(-?[\d.]+)"', text)]
        assert min(across) >= 0 and max(across) <= svg.WIDTH and min(down) >= 0 and max(down) <= svg.HEIGHT
        grid = re.findall(r'<line class="grid" x1="([\d.]+)" x2="([\d.]+)"', text)
        assert {float(end) for ends in grid for end in ends} <= {
            float(svg.LEFT),
            float(svg.WIDTH - svg.RIGHT),
        }
        assert f'H{svg.WIDTH - svg.RIGHT}"' in text


def test_twelve_decades_have_a_few_ticks_whole_powers_apart():
    x = np.arange(1, 50)
    text = line_figure(x, [("a", "measured", np.geomspace(1, 1e-12, 49))], "t", "KL")
    marks = [float(tick) for tick in re.findall(r'text-anchor="end">([^<]*\d)<', text)]
    powers = np.log10(marks)
    assert 5 <= len(marks) <= 8 and np.allclose(powers, powers.round()) and np.ptp(np.diff(powers)) < 1e-9


@pytest.mark.parametrize("values", [np.geomspace(0.01, 2, 60), np.linspace(0, 1, 40), np.full(7, 3.0)])
def test_a_histogram_counts_every_game(values):
    text = histogram(values, "ratio")
    assert sum(map(int, re.findall(r"<title>(\d+) games?<", text))) == len(values)
