"""One page: widgets that change the settings, charts that show the answer, and the link between them."""

from __future__ import annotations

import binascii
from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from html import escape
from pathlib import Path
from time import perf_counter
from typing import Any

from bokeh.document import Document
from bokeh.events import ConnectionLost, DocumentReady
from bokeh.models import Button, Column, CustomJS, Div, InlineStyleSheet, TextInput
from jinja2 import Environment, FileSystemLoader

from ..errors import NashsimError, first_line
from .answers import Answer, Outdated, answer, own_scores, regrets
from .charts import Convergence, HeatMap, RankingsChart, RegretChart, Simplex, WinMatrix
from .controls import Controls
from .settings import Settings, python
from .sources import Opened, Sources, told
from .texts import facts_text, runs_text

_HERE = Path(__file__).parent
#: Milliseconds after a change until it is computed, and of rest until learners play.
PAUSE, REST = 5, 300


class Page:
    """The page of one visitor.

    Parameters
    ----------
    document : bokeh.document.Document
        Filled by the page.
    sources : Sources
    defaults : Settings
        What a link without arguments shows.
    arguments : dict of str to list of bytes
        Arguments of the link.
    pool : ThreadPoolExecutor
        Where learners play, so that a slider that moves meanwhile is answered.
    """

    def __init__(
        self,
        document: Document,
        sources: Sources,
        defaults: Settings,
        arguments: dict[str, list[bytes]],
        pool: ThreadPoolExecutor,
    ):
        self.document, self.sources, self.pool = document, sources, pool
        self._opened: dict[tuple, tuple[Opened, Any]] = {}
        self._update = self._waiting = None
        self._turn = 0
        self.settings = self._wanted = defaults
        self.controls = Controls(defaults, self._open(defaults)[0].game, sources, self.change, self.upload)
        # Bokeh looks through its document once, and not after every widget.
        with document.models.freeze():
            self._build()
            self.show()
        if arguments:
            self.restore(arguments)

    def restore(self, arguments: dict[str, list[bytes]]) -> None:
        """Show what a link says, or say in one line why not."""
        try:
            self._wanted = Settings.from_link(arguments)
        except NashsimError as error:
            self._say(first_line(error))
        else:
            self.update()

    def _build(self) -> None:
        self.simplex, self.heat, self.convergence = Simplex(), HeatMap(), Convergence()
        self.matrix, self.rankings, self.regret = WinMatrix(), RankingsChart(), RegretChart()
        self.simplex.on_tap(
            lambda policy: self.change(reference="point:" + ",".join(f"{p:.4g}" for p in policy))
        )
        self.message = _text("message", visible=False)
        self.facts, self.runs, self.plays, self.code = (
            _text(name) for name in ("facts", "runs", "plays", "code")
        )
        self.script = TextInput(name="script", visible=False)
        self.link = TextInput(name="link", visible=False)
        keys = [self.simplex.key, self.heat.key, self.convergence.key, self.regret.key]
        charts = {
            "policies": [self.simplex.figure, self.simplex.key, self.heat.figure, self.heat.key],
            "convergence": [self.convergence.figure, self.convergence.key],
            "matrix": [self.matrix.figure],
            "rankings": [self.rankings.figure],
            "regret": [self.regret.figure, self.regret.key],
            "controls": self.controls.widgets,
        }
        sheet = InlineStyleSheet(css=(_HERE / "widgets.css").read_text(encoding="utf-8"))
        for name, children in charts.items():
            self.document.add_root(Column(*children, name=name, sizing_mode="stretch_width"))
        for widget in (
            *self.controls.widgets,
            *keys,
            self.message,
            self.facts,
            self.runs,
            self.plays,
            self.code,
        ):
            widget.stylesheets = [*widget.stylesheets, sheet]
        for root in (self.message, self.facts, self.runs, self.plays, self.code, self.script, self.link):
            self.document.add_root(root)
        copies = {"copy-link": "location.href", "copy-code": "script.value"}
        for name, text in copies.items():
            button = Button(label="Copy the link" if name == "copy-link" else "Copy the Python", name=name)
            button.stylesheets = [sheet]
            button.js_on_click(
                CustomJS(args={"script": self.script}, code=f"navigator.clipboard.writeText({text})")
            )
            self.document.add_root(button)
        # The address in the browser always is the link to what is shown.
        self.link.js_on_change(
            "value",
            CustomJS(
                code="history.replaceState(null, '', location.pathname + (this.value && '?' + this.value))"
            ),
        )
        light, dark = self.matrix.texts
        self.document.js_on_event(
            DocumentReady,
            CustomJS(
                args={"light": light, "dark": dark},
                code="const scheme = matchMedia('(prefers-color-scheme: dark)');"
                "(scheme.matches ? dark : light).visible = true;"
                "scheme.addEventListener('change', () => location.reload());",
            ),
        )
        self.document.js_on_event(
            ConnectionLost,
            CustomJS(
                args={"message": self.message},
                code="message.text = 'The server has stopped; start `nashsim explore` again and reload this page.';"
                "message.visible = true",
            ),
        )
        self.document.title = "nashsim explore"
        self.document.template = Environment(loader=FileSystemLoader(_HERE)).get_template("page.html")
        self.document.template_variables["style"] = (_HERE / "page.css").read_text(encoding="utf-8")

    def change(self, **changes: Any) -> None:
        """Change settings; they are shown in a moment, so that of many moves of a slider the last is computed."""
        try:
            after = replace(self._wanted, **changes)
        except NashsimError as error:
            self._say(first_line(error))
            return
        if after.source != self._wanted.source:
            # A label or a point of another game means nothing here.
            after = replace(after, reference="own")
        self._wanted = after
        if self._update is None:
            self._update = self.document.add_timeout_callback(self.update, PAUSE)

    def update(self) -> None:
        """Show the settings that are wanted; what cannot be shown is said in one line and not taken over."""
        self._update, before, line = None, self.settings, ""
        try:
            self._open(self._wanted)
            self.settings = self._wanted
            self.show()
        except NashsimError as error:
            self.settings = self._wanted = before
            line = first_line(error)
        self._say(line)
        self.controls.follow(self.settings, self._open(self.settings)[0].game)

    def upload(self, name: str, content: str) -> None:
        """Take over a file that the browser has read, in base64."""
        try:
            source = self.sources.upload(name, b64decode(content, validate=True))
        except (NashsimError, binascii.Error) as error:
            self._say(first_line(error))
            return
        self.change(source=source)

    def show(self) -> None:
        """Compute and show everything that the settings say, and let the learners play once they rest."""
        began = perf_counter()
        opened, scores = self._open(self.settings)
        found = answer(opened, scores, self.settings)
        self.document.hold("combine")
        try:
            self._show(opened, found)
            self.facts.tags = [round(1e3 * (perf_counter() - began), 1)]
        finally:
            self.document.unhold()
        self._turn += 1
        if self._waiting is not None:
            self.document.remove_timeout_callback(self._waiting)
        self._waiting = self.document.add_timeout_callback(lambda: self._play(found), REST)

    def _show(self, opened: Opened, found: Answer) -> None:
        settings, triangle = self.settings, found.game.actions == 3
        self.simplex.figure.visible = self.simplex.key.visible = triangle
        self.heat.figure.visible = self.heat.key.visible = not triangle
        if triangle:
            self.simplex.show(found)
        else:
            self.heat.show(found, settings.shown)
        self.convergence.show(found, settings.metric)
        self.matrix.show(found)
        self.rankings.show(found)
        self.facts.text, self.runs.text = facts_text(found), runs_text(found)
        how = ", ".join(["data", *told(opened.how)])
        self.script.value = python(settings, opened.python, "game" if opened.data is None else how)
        self.code.text = f"<pre>{escape(self.script.value)}</pre>"
        self.link.value = settings.link()

    def _open(self, settings: Settings) -> tuple[Opened, Any]:
        key = (settings.source, settings.missing, settings.symmetrise)
        if key not in self._opened:
            opened = self.sources.open(settings)
            if len(self._opened) > 8:
                self._opened.clear()
            self._opened[key] = opened, own_scores(opened)
        return self._opened[key]

    def _play(self, found: Answer) -> None:
        self._waiting = None
        settings, turn = self.settings, self._turn
        self.plays.text = "<p>playing …</p>" if settings.learners else "<p>No learner is chosen.</p>"

        def work() -> None:
            try:
                played = regrets(found.game, settings, lambda: turn == self._turn)
            except Outdated:
                return
            self.document.add_next_tick_callback(lambda: tell(played))

        def tell(played) -> None:
            if turn == self._turn:
                self.regret.show(played)
                refused = [f"<p>{escape(one.name)}: {escape(one.note)}</p>" for one in played if one.note]
                self.plays.text = "".join(refused) or "<p>Mean over 4 seeds; the band is their range.</p>"

        self.pool.submit(work)

    def _say(self, line: str) -> None:
        self.message.text, self.message.visible = escape(line), bool(line)


def _text(name: str, **options) -> Div:
    return Div(name=name, sizing_mode="stretch_width", **options)
