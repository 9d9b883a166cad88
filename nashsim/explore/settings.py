"""What the page is set to: read from a link, written to a link, and as the Python that gives the same numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from urllib.parse import urlencode

import numpy as np

from ..engine import METRICS
from ..errors import NashsimError, unknown_name
from ..game import PreferenceGame
from ..online import LEARNERS
from ..rules import RULES

#: Ends of the sliders of tau and of the forward step eta, as powers of ten.
TAU_DECADES, ETA_DECADES = (-3.0, 1.0), (-2.0, 2.0)
#: Budgets of payoff vectors of a rule, and of duels of a learner, that the page offers.
QUERIES, ROUNDS = (100, 300, 1000, 3000, 10_000), (1000, 10_000, 100_000)
#: Seeds of every learner.
SEEDS = 4
#: Metrics that the page offers: those that every game with a tau has.
SHOWN_METRICS = tuple(name for name, metric in METRICS.items() if metric.needs != "lottery")
#: What the first policy may be.
STARTS = ("random", "reference", "uniform")
_MISSING = ("error", "half", "bradley-terry")


@dataclass(frozen=True)
class Settings:
    """Everything that a link restores.

    Attributes
    ----------
    source : str
        A game of the catalogue with its parameters, ``"given"`` for the SOURCE of the command line, or
        ``"upload:"`` with the key of an uploaded file.
    missing, symmetrise
        As for :meth:`nashsim.PreferenceData.game`, for files.
    tau : float
        Regularisation, > 0.
    reference : str
        ``"own"`` (that of the game), ``"uniform"``, ``"action:LABEL=MASS"`` with the rest shared evenly, or
        ``"point:P,P,..."`` with all probabilities.
    eta : float or None
        Constant forward step of every rule; ``None`` is each rule's own.
    start : str
        One of ``STARTS``.
    queries : int
        Payoff vectors that every rule may ask for.
    rules, learners : tuple of str
        Names of the rules that run, and of the learners that play.
    metric : str
        Metric of the chart of convergence.
    shown : str
        Rule whose policies the heat map shows; empty for the first.
    rounds : int
        Duels that each of the ``SEEDS`` seeds of a learner buys.
    """

    source: str = "rps"
    missing: str = "error"
    symmetrise: bool = False
    tau: float = 0.1
    reference: str = "own"
    eta: float | None = None
    start: str = "random"
    queries: int = 1000
    rules: tuple[str, ...] = ("nash-md", "omd", "nash-mp", "egpo")
    metric: str = "kl_to_equilibrium"
    shown: str = ""
    learners: tuple[str, ...] = ("inpo-online", "nash-md-online")
    rounds: int = 10_000

    def __post_init__(self):
        _among("rule", self.rules, [rule.name for rule in RULES])
        _among("learner", self.learners, [learner.name for learner in LEARNERS])
        _among("metric", [self.metric], SHOWN_METRICS)
        _among("start", [self.start], STARTS)
        _among("missing", [self.missing], _MISSING)
        for name, value, (low, high) in (
            ("tau", self.tau, (1e-4, 1e3)),
            ("eta", 1.0 if self.eta is None else self.eta, (1e-6, 1e6)),
            ("queries", self.queries, (2, QUERIES[-1])),
            ("rounds", self.rounds, (100, ROUNDS[-1])),
        ):
            # Written so that NaN fails too.
            if not low <= value <= high:
                raise NashsimError(f"{name}: a number from {low:g} to {high:g} is needed, found {value!r}")

    @classmethod
    def from_link(cls, arguments: Mapping[str, Sequence[bytes]]) -> Settings:
        """Return the settings of a link's arguments; what they leave out is the default.

        Parameters
        ----------
        arguments : mapping of str to sequence of bytes
            Arguments of the request, the last of each name taken; those of other names are passed over.

        Raises
        ------
        NashsimError
            For a value that cannot be read or is out of range.

        Examples
        --------
        >>> Settings.from_link({"tau": [b"0.5"], "rules": [b"omd,egpo"]}).rules
        ('omd', 'egpo')
        """
        given = {}
        for field in fields(cls):
            if field.name in arguments:
                text = arguments[field.name][-1].decode("utf-8", "replace")
                given[field.name] = _read(field.name, str(field.type), text)
        return cls(**given)

    def link(self) -> str:
        """Return the arguments of the link that restores these settings: the source, and what is not the default."""
        plain = Settings()
        told = {f.name: getattr(self, f.name) for f in fields(self)}
        told = {
            name: value for name, value in told.items() if name == "source" or value != getattr(plain, name)
        }
        return urlencode({name: _written(value) for name, value in told.items()})


def reference_of(setting: str, game: PreferenceGame) -> dict[str, np.ndarray | None]:
    """Return what ``game.replace`` takes for the reference that a setting means; nothing for the game's own.

    Parameters
    ----------
    setting : str
        As in ``Settings``.
    game : PreferenceGame

    Raises
    ------
    NashsimError
        For an unknown label, or a mass that is none.
    """
    kind, _, rest = setting.partition(":")
    if setting == "own":
        return {}
    if setting == "uniform":
        return {"reference": None}
    if kind == "action":
        label, _, text = rest.rpartition("=")
        _among("reference", [label], game.labels)
        mass = _number("reference", text)
        if not 0 < mass < 1:
            raise NashsimError(f"reference: a mass between 0 and 1 is needed, found {mass:g}")
        others = (1 - mass) / (game.actions - 1)
        return {"reference": np.array([mass if one == label else others for one in game.labels])}
    if kind == "point":
        return {"reference": np.array([_number("reference", part) for part in rest.split(",")])}
    raise NashsimError(
        f"reference: 'own', 'uniform', 'action:LABEL=MASS' or 'point:P,P,...' is needed, found {setting[:60]!r}"
    )


def reference_python(setting: str) -> str:
    """Return the Python for a reference of a game called ``game``; empty for the game's own."""
    kind, _, rest = setting.partition(":")
    if kind == "action":
        label, _, mass = rest.rpartition("=")
        others = f"(1 - {mass}) / (game.actions - 1)"
        return f"[{mass} if label == {label!r} else {others} for label in game.labels]"
    return {"own": "", "uniform": "None", "point": f"[{rest.replace(',', ', ')}]"}[kind]


def python(settings: Settings, opening: str, ranked: str = "game") -> str:
    """Return a script that gives the numbers of the page.

    Parameters
    ----------
    settings : Settings
    opening : str
        Lines that make ``game``, and ``data`` where it was read from a file.
    ranked : str
        What is ranked, ``"game"`` or ``"data"``, with the arguments that ranking it needs.
    """
    reference = reference_python(settings.reference)
    changes = f"tau={settings.tau:.6g}" + (f", reference={reference}" if reference else "")
    step = "" if settings.eta is None else f", eta={settings.eta:.6g}, tau=game.tau"
    lines = [
        "import nashsim",
        "",
        opening,
        f"game = game.replace({changes})",
        "equilibrium = nashsim.solve(game)",
        "print(equilibrium, equilibrium.policy, sep='\\n')",
        f"scores = nashsim.rankings({ranked}, tau=game.tau, bootstrap=0).scores",
        "print(scores.assign(nash=equilibrium.policy))",
    ]
    if settings.rules:
        lines += [
            "",
            f"for name in {list(settings.rules)!r}:",
            f"    rule = nashsim.get_rule(name{step})",
            f"    run = nashsim.run(game, rule, queries={settings.queries}, start={settings.start!r})",
            f"    print(name, run.metrics[{settings.metric!r}][-1], run.status)",
        ]
    if settings.learners:
        lines += [
            "",
            f"for name in {list(settings.learners)!r}:",
            f"    play = nashsim.online.play_learner(game, name, rounds={settings.rounds}, seeds={SEEDS})",
            "    print(name, play.values['regret'][:, -1].mean())",
        ]
    return "\n".join(lines) + "\n"


def _among(kind: str, names: Sequence[str], known: Sequence[str]) -> None:
    for name in names:
        if name not in known:
            raise unknown_name(kind, name, known)


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise NashsimError(f"{name}: a number is needed, found {text[:40]!r}") from None


def _read(name: str, kind: str, text: str):
    if kind.startswith("tuple"):
        return tuple(part for part in text.split(",") if part)
    if kind == "bool":
        return text == "yes"
    if kind == "float | None" and text == "own":
        return None
    if kind in ("float", "float | None"):
        return _number(name, text)
    if kind == "int":
        number = _number(name, text)
        if not number.is_integer():
            raise NashsimError(f"{name}: a whole number is needed, found {text[:40]!r}")
        return int(number)
    return text


def _written(value) -> str:
    if isinstance(value, tuple):
        return ",".join(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "own"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
