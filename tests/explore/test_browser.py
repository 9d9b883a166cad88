"""The explorer in a headless Chromium."""

import subprocess
import sys

import pytest

import nashsim

from .browser import CHROMIUM, Browser

pytest.importorskip("bokeh", reason="the page needs Bokeh: pip install 'nashsim[explore]'")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the path: the page is not looked at")

MODEL = "Bokeh.documents[0].get_model_by_name"
TAU = f"{MODEL}('tau').value"


@pytest.fixture(scope="module")
def address():
    command = [
        sys.executable,
        "-c",
        "from nashsim.cli import main; main()",
        "explore",
        "--no-browser",
        "--port",
        "0",
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        for line in server.stderr:
            if "http://" in line:
                break
        yield line.split()[2]
        server.terminate()
        assert "Traceback" not in server.stderr.read()


@pytest.fixture(scope="module")
def browser():
    with Browser() as browser:
        yield browser


def test_a_page_of_another_origin_is_refused(address):
    from tornado.httpclient import HTTPClientError, HTTPRequest
    from tornado.ioloop import IOLoop
    from tornado.websocket import websocket_connect

    asked = HTTPRequest(address.replace("http", "ws") + "ws", headers={"Origin": "http://elsewhere.example"})
    with pytest.raises(HTTPClientError, match="403"):
        IOLoop(make_current=False).run_sync(lambda: websocket_connect(asked))


def facts(browser):
    return browser.evaluate(f"{MODEL}('facts').text")


def test_the_page_is_loaded_from_this_machine_alone(browser, address):
    browser.look(1400, 900)
    browser.open(address)
    game = nashsim.games.get("rps").replace(tau=0.1, reference=[0.6, 0.2, 0.2])
    for label, p in nashsim.solve(game).policy.items():
        assert f"{label} <b>{p:.4f}</b>" in facts(browser)
    assert browser.errors == []
    allowed = (address, address.replace("http", "ws"), "data:")
    assert all(url.startswith(allowed) for url in browser.requests) and len(browser.requests) > 3
    browser.wait(f"{MODEL}('plays').text.includes('seeds')")


def test_a_slider_moved_by_its_handle_gives_the_numbers_of_the_api(browser, address):
    browser.open(address + "?source=tldr")
    browser.evaluate(
        f"""const view = Bokeh.index.find_one_by_id({MODEL}('tau').id);
        view.shadow_el.querySelector('.noUi-handle').focus()"""
    )
    for kind in ("keyDown", "keyUp"):
        browser.send(
            "Input.dispatchKeyEvent", type=kind, key="ArrowRight", code="ArrowRight", windowsVirtualKeyCode=39
        )
    browser.wait(f"!{MODEL}('facts').text.includes('τ = 0.1.')")
    tau = float(f"{10 ** browser.evaluate(TAU):.6g}")
    assert 0.1 < tau < 0.13
    policy = nashsim.solve(nashsim.games.get("tldr").replace(tau=tau)).policy.sort_values(ascending=False)
    for label, p in policy.head(6).items():
        assert f"{label} <b>{p:.4f}</b>" in facts(browser)
    assert f"tau={tau:.6g}" in browser.evaluate("location.search")


def test_a_link_restores_the_page_with_its_curves(browser, address):
    browser.open(address + "?source=tldr&tau=0.2&rules=omd&queries=300&eta=0.3&learners=")
    rule = nashsim.get_rule("omd", eta=0.3, tau=0.2)
    run = nashsim.run(nashsim.games.get("tldr").replace(tau=0.2), rule, queries=300, start="random")
    [y] = browser.evaluate(
        f"""Array.from({MODEL}('convergence').select(Bokeh.require('models/renderers/glyph_renderer').GlyphRenderer))
        .map(r => Array.from(Array.from(r.data_source.data.get?.('y') ?? r.data_source.data.y)[0])).slice(0, 1)"""
    )
    assert y[-1] == pytest.approx(run.metrics["kl_to_equilibrium"][-1], rel=1e-12)
    browser.open(address + "?tau=minus")
    assert "tau: a number is needed" in browser.evaluate(f"{MODEL}('message').text")


def upload(browser, path):
    root = browser.send("Runtime.evaluate", expression=f"""Bokeh.index.find_one_by_id({MODEL}('file').id)
        .shadow_el.querySelector('input[type=file]')""")["result"]["objectId"]  # fmt: skip
    browser.send("DOM.setFileInputFiles", files=[str(path)], objectId=root)


def test_a_file_is_uploaded_and_a_bad_one_gives_one_line(browser, address, tmp_path):
    browser.open(address)
    bad, good = tmp_path / "bad.csv", tmp_path / "good.csv"
    bad.write_text("hello\n")
    good.write_text(",a,b,c,d\na,.5,.9,.2,.6\nb,.1,.5,.7,.8\nc,.8,.3,.5,.6\nd,.4,.2,.4,.5\n")
    upload(browser, bad)
    browser.wait(f"{MODEL}('message').visible")
    said = browser.evaluate(f"{MODEL}('message').text")
    assert said.startswith("bad.csv: the format is not recognised") and "\n" not in said
    assert "<b>rps</b>" in facts(browser)
    upload(browser, good)
    browser.wait(f"{MODEL}('facts').text.includes('4 actions') && !{MODEL}('message').visible")
    policy = nashsim.solve(nashsim.load(good).game(tau=0.1)).policy
    assert all(f"{label} <b>{p:.4f}</b>" in facts(browser) for label, p in policy.items())


@pytest.mark.parametrize("width", [420, 1400])
@pytest.mark.parametrize("dark", [False, True])
def test_the_page_fits_its_window_on_either_ground(browser, address, width, dark):
    browser.look(width, 900, dark)
    browser.open(address)
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    ground = browser.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(int(part) for part in ground.strip("rgb()").split(",")) < 3 * 128) == dark
