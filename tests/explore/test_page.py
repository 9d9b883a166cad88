"""The explorer's settings, sources and page without a browser: what it shows is what the functions return."""

import contextlib
import io
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs

import numpy as np
import pytest

import nashsim
from nashsim import NashsimError
from nashsim.cli import call
from nashsim.explore.answers import answer, own_scores, regrets
from nashsim.explore.settings import Settings, python
from nashsim.explore.sources import MOST_ACTIONS, Sources
from nashsim.rules import RULES

WINS = b"model_a,model_b,winner\nx,y,model_a\ny,z,model_a\nz,x,model_a\nx,y,tie\n"
CHANGED = Settings(
    source="tldr",
    tau=0.25,
    reference="action:EMA1*=0.3",
    eta=0.5,
    start="uniform",
    queries=300,
    rules=("egpo", "spo"),
    metric="duality_gap",
    shown="spo",
    learners=(),
    rounds=1000,
    missing="half",
    symmetrise=True,
)


def of_link(text):
    return Settings.from_link(
        {k: [v[-1].encode()] for k, v in parse_qs(text, keep_blank_values=True).items()}
    )


@pytest.mark.parametrize("settings", [Settings(), CHANGED, Settings(reference="point:0.2,0.3,0.5", rules=())])
def test_a_link_restores_the_settings(settings):
    assert of_link(settings.link()) == settings


@pytest.mark.parametrize(
    ("link", "named"),
    [
        ("tau=0", "tau"),
        ("tau=nan", "tau"),
        ("tau=x", "tau"),
        ("queries=1e9", "queries"),
        ("queries=2.5", "queries"),
        ("rules=nash-mdd", "nash-md"),
        ("metric=gap", "metric"),
        ("learners=rexp", "learner"),
        ("start=there", "start"),
        ("eta=-1", "eta"),
    ],
)
def test_a_bad_link_gives_one_line_that_names_the_argument(link, named):
    with pytest.raises(NashsimError, match=named) as caught:
        of_link(link)
    assert "\n" not in str(caught.value)


def test_no_link_opens_a_file_of_this_machine(tmp_path):
    file = tmp_path / "votes.csv"
    file.write_bytes(WINS)
    for source in (str(file), f"upload:{file}", "given", "file://" + str(file)):
        with pytest.raises(NashsimError):
            Sources().open(Settings(source=source))


def test_sources_beyond_the_page_are_refused_before_they_are_made():
    began = time.perf_counter()
    with pytest.raises(NashsimError, match=f"{MOST_ACTIONS}"):
        Sources().open(Settings(source="uniform:n=1000000000"))
    assert time.perf_counter() - began < 1


def test_an_upload_is_read_as_load_reads_it_whatever_its_name(tmp_path):
    sources = Sources()
    source = sources.upload("../../../etc/votes.csv", WINS)
    opened = sources.open(Settings(source=source, missing="half"))
    (tmp_path / "votes.csv").write_bytes(WINS)
    data = nashsim.load(tmp_path / "votes.csv")
    assert np.array_equal(opened.game.probabilities, data.game().probabilities)
    assert opened.game.labels == data.labels
    assert "nashsim.load('votes.csv')" in opened.python and list(tmp_path.parent.glob("etc")) == []


@pytest.mark.parametrize("content", [b"", b"hello", b"\x00\xff\x00", b"a,b\n1,2,3\n", b"%PDF-1.4"])
def test_an_upload_that_is_no_comparison_gives_one_line(content):
    with pytest.raises(NashsimError) as caught:
        Sources().upload("bad.csv", content)
    assert "\n" not in str(caught.value) and "bad.csv" in str(caught.value)


@pytest.mark.parametrize("source", ["rps", "tldr"])
def test_the_python_of_the_page_gives_its_numbers(source):
    reference = {"rps": "action:rock=0.6", "tldr": "uniform"}[source]
    settings = Settings(source=source, tau=0.3, reference=reference, eta=0.2, rounds=1000)
    opened = Sources().open(settings)
    shown = answer(opened, own_scores(opened), settings)
    played = {one.name: one for one in regrets(shown.game, settings, lambda: True)}
    said = io.StringIO()
    names = {}
    with contextlib.redirect_stdout(said):
        exec(python(settings, opened.python), names)
    assert np.array_equal(names["equilibrium"].log_policy, shown.equilibrium.log_policy)
    assert names["scores"].drop(columns="nash").equals(shown.scores.drop(columns="nash"))
    ends = dict(line.split()[:2] for line in said.getvalue().splitlines() if line.split()[0] in shown.runs)
    assert ends == {name: str(run.metrics[settings.metric][-1]) for name, run in shown.runs.items()}
    last = settings.learners[-1]
    assert names["play"].values["regret"][:, -1].mean() == played[last].mean[-1]


def test_every_rule_runs_or_says_in_one_line_why_not():
    opened = Sources().open(Settings(source="tldr"))
    scores = own_scores(opened)
    for eta in (None, 3.0):
        found = answer(
            opened, scores, Settings(eta=eta, rules=tuple(rule.name for rule in RULES), queries=100)
        )
        assert {*found.runs, *found.notes} == {rule.name for rule in RULES}
        assert not any("\n" in note for note in found.notes.values())


def test_the_source_of_the_command_line_is_shown_first_and_its_python_opens_it(tmp_path):
    from nashsim.cli.exploring import _first
    from nashsim.cli.options import LoaderOptions

    file = tmp_path / "votes.csv"
    file.write_bytes(WINS + b"x,w,model_a\n")
    sources, settings = _first(str(file), LoaderOptions(ties="drop", missing="half"))
    page = page_of(settings, sources)
    assert page.settings.source == "given" and ("given", "votes.csv") in page.controls.game.options
    names = {}
    exec(python(settings, sources.given.python), names)
    assert np.array_equal(names["game"].probabilities, sources.given.game.probabilities)
    assert (
        f"nashsim.load({str(file)!r}, ties='drop')" in page.script.value
        and "missing='half'" in page.script.value
    )
    again = of_link(page.link.value)
    assert again == page.settings
    with contextlib.redirect_stdout(io.StringIO()):
        exec(page.script.value, {})


def test_bounds_lie_above_their_curves():
    opened = Sources().open(Settings(source="tldr"))
    found = answer(opened, own_scores(opened), Settings(source="tldr"))
    assert set(found.bounds) == {"nash-md", "omd", "nash-mp", "egpo"}
    for rule, bound in found.bounds.items():
        values = found.runs[rule].metrics["kl_to_equilibrium"]
        used = values > 1e-24
        assert (values[used] <= bound[used] * (1 + 1e-9)).all()


def page_of(settings, sources=None):
    pytest.importorskip("bokeh", reason="the page needs Bokeh: pip install 'nashsim[explore]'")
    from bokeh.document import Document

    from nashsim.explore.page import Page

    return Page(Document(), sources or Sources(), settings, {}, ThreadPoolExecutor(1))


def test_a_moved_widget_is_shown_and_what_fails_is_said_and_undone():
    page = page_of(Settings(source="tldr"))
    page.controls.tau.value = np.log10(0.5)
    page.update()
    assert page.settings.tau == 0.5 and "τ = 0.5" in page.facts.text and not page.message.visible
    order = np.argsort(
        -nashsim.solve(nashsim.games.get("tldr").replace(tau=0.5)).probabilities[0], kind="stable"
    )
    wins = nashsim.games.get("tldr").probabilities[0][np.ix_(order, order)]
    assert np.array_equal(page.matrix.source.data["image"][0][::-1], wins)
    page.controls.game.value = "uniform"
    page.update()
    page.controls.parameters.value = "n=many"
    page.update()
    assert page.message.visible and "many" in page.message.text and page.settings.source == "uniform"
    assert page.controls.parameters.value == "" and page.link.value.startswith("source=uniform&tau=0.5")


def test_labels_of_a_file_are_no_markup():
    sources = Sources()
    evil = "<img src=x onerror=alert(1)>"
    source = sources.upload("votes.csv", WINS.replace(b"x,", evil.encode() + b",").replace(b"z,x", b"z,q"))
    page = page_of(Settings(source=source, missing="half"), sources)
    for text in (page.facts, page.runs, page.code, page.simplex.key, page.heat.key):
        assert "<img" not in text.text
    assert "&lt;img" in page.facts.text


def test_a_moved_slider_takes_less_than_100_ms_of_processor_time_at_a_hundred_actions():
    # Processor time, as other processes would count in the clock; what is sent took 7 ms more where it was measured.
    page = page_of(Settings(source="uniform:n=100"))
    spent = []
    for tau in np.geomspace(0.01, 1, 7):
        page.change(tau=float(f"{tau:.6g}"))
        began = time.process_time()
        page.update()
        spent.append(time.process_time() - began)
    assert np.median(spent) < 0.1


def test_help_and_the_missing_extra_are_told_without_it(monkeypatch, capsys):
    import sys

    monkeypatch.setitem(sys.modules, "bokeh", None)
    assert call(["explore", "--help"]) == 0
    assert call(["explore"]) == 2
    assert "pip install 'nashsim[explore]'" in capsys.readouterr().err
