"""The widgets of the page, and how they stand for settings."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from bokeh.models import (
    Checkbox,
    CustomJSTickFormatter,
    FileInput,
    MultiChoice,
    Select,
    Slider,
    TextInput,
)

from .. import games
from ..engine import METRICS
from ..game import PreferenceGame
from ..online import LEARNERS
from ..rules import RULES
from .settings import ETA_DECADES, QUERIES, ROUNDS, SHOWN_METRICS, STARTS, TAU_DECADES, Settings
from .sources import Sources

_POWER = "return (10 ** tick).toPrecision(3)"
_POINT = "a point of the triangle"


class Controls:
    """The widgets, kept in step with the settings.

    Parameters
    ----------
    settings : Settings
    game : PreferenceGame
        What is open.
    sources : Sources
    change : callable
        Called with the settings that a widget changed.
    upload : callable
        Called as ``upload(name, content)`` with a file in base64.
    """

    def __init__(
        self,
        settings: Settings,
        game: PreferenceGame,
        sources: Sources,
        change: Callable[..., None],
        upload: Callable[[str, str], None],
    ):
        self._sources, self._change, self._following = sources, change, False
        wide = {"sizing_mode": "stretch_width"}
        self.game = Select(title="Preferences", name="game", **wide)
        self.parameters = TextInput(title="Parameters", name="parameters", **wide)
        self.file = FileInput(title="Upload a file of comparisons", name="file", **wide)
        self.missing = Select(
            title="Pairs never compared", options=["error", "half", "bradley-terry"], name="missing", **wide
        )
        self.symmetrise = Checkbox(label="Average P and 1 − Pᵀ where they differ", name="symmetrise")
        self.tau = _log_slider("τ", "tau", TAU_DECADES)
        self.reference = Select(title="Reference μ", name="reference", **wide)
        self.mass = Slider(start=0.01, end=0.99, step=0.01, value=0.6, title="Its mass", name="mass", **wide)
        self.own = Checkbox(label="Each rule's own step", name="own")
        self.eta = _log_slider("Step η of every rule", "eta", ETA_DECADES)
        self.start = Select(title="First policy", options=list(STARTS), name="start", **wide)
        self.queries = Select(
            title="Queries of a rule", options=[f"{q}" for q in QUERIES], name="queries", **wide
        )
        self.rules = MultiChoice(title="Rules", options=[r.name for r in RULES], name="rules", **wide)
        labels = [(name, METRICS[name].label.split("  ")[0]) for name in SHOWN_METRICS]
        self.metric = Select(title="Convergence of", options=labels, name="metric", **wide)
        self.shown = Select(title="Heat map of", name="shown", **wide)
        self.learners = MultiChoice(
            title="Learners", options=[one.name for one in LEARNERS], name="learners", **wide
        )
        self.rounds = Select(
            title="Duels of a learner", options=[f"{r}" for r in ROUNDS], name="rounds", **wide
        )
        self.widgets = [
            self.game, self.parameters, self.file, self.missing, self.symmetrise, self.tau, self.reference,
            self.mass, self.own, self.eta, self.rules, self.start, self.queries, self.metric, self.shown,
            self.learners, self.rounds,
        ]  # fmt: skip
        self.follow(settings, game)
        self._listen(upload)

    def _listen(self, upload: Callable[[str, str], None]) -> None:
        changes = {
            self.game: lambda: {"source": self.game.value},
            self.parameters: lambda: {"source": self._with_parameters()},
            self.missing: lambda: {"missing": self.missing.value},
            self.tau: lambda: {"tau": float(f"{10**self.tau.value:.6g}")},
            self.reference: lambda: {"reference": self._reference()},
            self.mass: lambda: {"reference": self._reference()},
            self.eta: lambda: {"eta": self._eta()},
            self.start: lambda: {"start": self.start.value},
            self.queries: lambda: {"queries": int(self.queries.value)},
            self.rules: lambda: {"rules": tuple(self.rules.value)},
            self.metric: lambda: {"metric": self.metric.value},
            self.shown: lambda: {"shown": self.shown.value},
            self.learners: lambda: {"learners": tuple(self.learners.value)},
            self.rounds: lambda: {"rounds": int(self.rounds.value)},
        }
        for widget, changed in changes.items():
            widget.on_change("value", self._tell(changed))
        self.symmetrise.on_change("active", self._tell(lambda: {"symmetrise": self.symmetrise.active}))
        self.own.on_change("active", self._tell(lambda: {"eta": self._eta()}))

        def uploaded(_name, _before, content) -> None:
            if content:
                # The name comes after the content, in the same message.
                self.file.document.add_next_tick_callback(lambda: upload(self.file.filename, content))

        self.file.on_change("value", uploaded)

    def _tell(self, changed: Callable[[], dict]) -> Callable:
        def tell(_name, _before, _after) -> None:
            if not self._following:
                self._change(**changed())

        return tell

    def follow(self, settings: Settings, game: PreferenceGame) -> None:
        """Set every widget to the settings."""
        self._following = True
        try:
            self._follow(settings, game)
        finally:
            self._following = False

    def _follow(self, settings: Settings, game: PreferenceGame) -> None:
        base, _, parameters = settings.source.partition(":")
        is_upload = base == "upload"
        names = [(name, name) for name in games.names()]
        names += [("given", self._sources.title)] * (self._sources.given is not None)
        names += [(f"upload:{key}", name) for key, (name, _) in self._sources.uploads.items()]
        self.game.options = names
        self.game.value = settings.source if is_upload else base
        accepted = {} if is_upload or base == "given" else _parameters(base)
        self.parameters.visible = bool(accepted)
        self.parameters.value = "" if is_upload else parameters
        self.parameters.placeholder = ",".join(f"{name}={value}" for name, value in accepted.items())
        self.missing.visible = self.symmetrise.visible = is_upload
        self.missing.value, self.symmetrise.active = settings.missing, settings.symmetrise
        if round(self.tau.value, 2) != round(float(np.log10(settings.tau)), 2):
            self.tau.value = round(float(np.log10(settings.tau)), 2)
        kind, _, rest = settings.reference.partition(":")
        label, _, mass = rest.rpartition("=")
        options = [("own", "the game's own"), ("uniform", "uniform")]
        options += [(f"action:{label}", f"mass on {label}") for label in game.labels]
        self.reference.options = options + [("point", _POINT)] * (kind == "point")
        self.reference.value = f"action:{label}" if kind == "action" else kind
        self.mass.visible = kind == "action"
        if kind == "action" and abs(self.mass.value - float(mass)) > 1e-9:
            self.mass.value = float(mass)
        self.own.active, self.eta.visible = settings.eta is None, settings.eta is not None
        if settings.eta is not None and round(self.eta.value, 2) != round(float(np.log10(settings.eta)), 2):
            self.eta.value = round(float(np.log10(settings.eta)), 2)
        self.start.value, self.metric.value = settings.start, settings.metric
        for widget, value in ((self.queries, settings.queries), (self.rounds, settings.rounds)):
            if f"{value}" not in widget.options:
                widget.options = [*widget.options, f"{value}"]
            widget.value = f"{value}"
        self.rules.value, self.learners.value = list(settings.rules), list(settings.learners)
        self.shown.visible, self.shown.options = game.actions != 3, list(settings.rules)
        self.shown.value = (
            settings.shown if settings.shown in settings.rules else next(iter(settings.rules), "")
        )

    def _with_parameters(self) -> str:
        text = self.parameters.value.replace(" ", "")
        return f"{self.game.value}:{text}" if text else self.game.value

    def _reference(self) -> str:
        value = self.reference.value
        return f"{value}={self.mass.value:.6g}" if value.startswith("action:") else value

    def _eta(self) -> float | None:
        return None if self.own.active else float(f"{10**self.eta.value:.6g}")


def _log_slider(title: str, name: str, decades: tuple[float, float]) -> Slider:
    formatter = CustomJSTickFormatter(code=_POWER)
    low, high = decades
    return Slider(
        start=low,
        end=high,
        step=0.02,
        value=0.0,
        title=title,
        name=name,
        format=formatter,
        sizing_mode="stretch_width",
    )


def _parameters(name: str) -> dict[str, object]:
    [entry] = [entry for entry in games.entries() if entry.name == name]
    return entry.parameters
