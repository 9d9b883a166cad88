"""A proof as it is printed, kept and checked: the statement, its certificates, and the rule it speaks of."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path

from ...errors import NashsimError
from ...files import to_json, write_text
from ...rules import REFERENCE, RULES, Rule
from .certificate import Certificate
from .numbers import ExactStep, NotProved, Numbers, numbers_of
from .rationals import NEAR, as_fraction, rational
from .statements import AVERAGE, CONTRACTION, OUTER, Statement

#: What a certificate file calls itself.
FORMAT = "nashsim proof 1"
#: Bytes beyond which a file is no certificate: those of the package have some thousands.
_LARGEST_FILE = 1 << 24


@dataclass(frozen=True, eq=False)
class Proof:
    """What is proved of a rule at one tau and step, or why nothing is.

    Attributes
    ----------
    rule : Rule
    tau : float
    eta : float or None
        Forward step of the last query.
    kind : str
        "contraction", "average" or "outer".
    affine : bool
        Whether the statement has a constant term.
    factor : Fraction or None
        V(after) <= factor V(before) + constant over one period; ``None`` for an average, and where nothing is proved.
    parameters : dict of str to Fraction
        V's weights, and kappa, constant, gain, floor and start where the statement has them.
    numbers : tuple or None
        The rule's steps in rationals.
    certificates : dict of str to Certificate
        By part; empty where nothing is proved.
    queries_per_step : int
        Payoff vectors asked for in one period.
    reason : str
        Why nothing is proved, or empty.
    """

    rule: Rule
    tau: float
    eta: float | None
    kind: str
    affine: bool = False
    factor: Fraction | None = None
    parameters: dict[str, Fraction] | None = None
    numbers: Numbers | None = None
    certificates: dict[str, Certificate] | None = None
    queries_per_step: int = 1
    reason: str = ""

    @property
    def proved(self) -> bool:
        """Whether a factor below 1 of the rule itself, its inner solves as they are, has a certificate."""
        return self.kind == CONTRACTION and self.factor is not None and self.factor < 1

    @property
    def exact(self) -> bool:
        """Whether there are certificates, each of which exact arithmetic has confirmed."""
        return bool(self.certificates)

    @property
    def factor_per_query(self) -> float | None:
        """factor^(1/queries_per_step)."""
        return float(self.factor) ** (1 / self.queries_per_step) if self.proved else None

    @property
    def status(self) -> str:
        """What is proved, in a sentence; or why nothing is."""
        if not self.exact:
            return self.reason
        p = self.parameters
        if self.kind == OUTER:
            falls = "does not rise" if self.factor == 1 else f"falls by the factor {float(self.factor):.8g}"
            early = (
                "of inner solves that end early nothing is proved: what they leave over moves the next reference"
                if self.numbers[-1][-1].into == REFERENCE
                else "inner solves that end early are proved as they are where inner is 2 to 8: beyond, the program of"
                " one policy an inner step is too large"
            )
            return (
                "proved, checked exactly, for exact inner solves: KL from the equilibrium"
                f" {falls} an outer step; {early}"
            )
        if self.kind == AVERAGE:
            extra = [f"{float(p[name]):.6g}" for name in ("start", "floor") if p.get(name)]
            top = f"2 (D + {' + '.join(extra)})" if extra else "2 D"
            rest = f" + {float(2 * p['constant'] / p['gain']):.6g}" if p.get("constant") else ""
            return (
                f"proved, checked exactly: the average iterate has DualGap <= {top}/({float(p['gain']):.6g} T){rest}"
                " after T iterations, D = max_y -log pi_0(y); no factor below 1 for the last iterate"
            )
        pace = self.queries_per_step
        a_step = "a step" if len(self.numbers) == 1 else f"every {len(self.numbers)} iterations"
        calls = "one query" if pace == 1 else f"{pace} queries"
        said = f"proved, checked exactly: KL(pi*, pi) falls by the factor {float(self.factor):.8g} {a_step} of {calls}"
        if "kappa" in p:
            said += f", up to the constant 1/kappa = {float(1 / p['kappa']):.4g} for its memory"
        if self.affine:
            limit = p["constant"] / (1 - self.factor) / p.get("kappa", 1)
            said += f", up to {float(p['constant']):.6g} a step and {float(limit):.6g} in the limit"
        claimed = 1 - self.eta * self.tau
        if float(self.factor) > claimed + 1e-6:
            said += f"; 1 - eta tau = {claimed:.8g} is not proved"
        return said

    def summary(self) -> dict:
        """Return what ``nashsim prove --json`` prints."""
        return {
            "rule": self.rule.name,
            "tau": self.tau,
            "eta": self.eta,
            "proved": self.proved,
            "factor": float(self.factor) if self.proved else None,
            "constant": float(self.parameters.get("constant", 0)) if self.proved else None,
            "queries_per_step": self.queries_per_step,
            "factor_per_query": self.factor_per_query,
            "exact": self.exact,
            "status": self.status,
        }

    def to_dict(self) -> dict:
        """Return the proof as JSON values, rationals as "p/q"."""
        if not self.exact:
            raise NashsimError(f"out: there is no certificate to write; {self.reason}")
        own = {f.name: getattr(self.rule, f.name) for f in fields(self.rule)}
        said = {
            "format": FORMAT,
            **self.summary(),
            "kind": self.kind,
            "affine": self.affine,
            "options": own,
            "exact_tau": str(rational(self.tau)),
            "exact_factor": None if self.factor is None else str(self.factor),
            "parameters": {name: str(value) for name, value in self.parameters.items()},
            "steps": [[step.to_dict() for step in steps] for steps in self.numbers],
            "certificates": {name: c.to_dict() for name, c in self.certificates.items()},
        }
        return {**said, "digest": digest(said)}

    def save(self, path: str | Path) -> None:
        """Write the certificate as JSON, atomically.

        Parameters
        ----------
        path : str or Path
        """
        write_text(path, to_json(self.to_dict(), indent=1) + "\n")


def digest(said: dict) -> str:
    """Return the SHA-256 of a certificate's content, its own field left out."""
    plain = {name: value for name, value in said.items() if name != "digest"}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def check(source: str | Path | dict, rule: Rule | None = None) -> Proof:
    """Return the proof in a certificate file once exact arithmetic has confirmed it; no solver takes part.

    The rule's numbers are read anew and compared with the file's; every inequality is derived from them; every field
    of the file must be what the proof says.

    Parameters
    ----------
    source : str, Path or dict
        A file of ``nashsim prove --out``, or its content.
    rule : Rule or None
        The rule with its step, where it is none of the registry.

    Raises
    ------
    NashsimError
        Naming the field, where anything is not so.
    """
    saved = source if isinstance(source, dict) else _read(source)
    try:
        proof = _rebuilt(saved, rule)
    except NashsimError as error:
        raise NashsimError(f"certificate refused: {error}") from None
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise NashsimError(f"certificate refused: not of the form that is known here ({error!r})") from None
    expected = json.loads(to_json(proof.to_dict()))
    for name in {**expected, **saved}:
        # as text: True is no 1
        if name not in saved or _text(saved[name]) != _text(expected.get(name)):
            raise NashsimError(f"certificate refused: {name!r} is not what the proof says")
    return proof


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=repr)


def _read(path: str | Path) -> dict:
    if Path(path).stat().st_size > _LARGEST_FILE:
        raise NashsimError(
            f"{path}: a certificate is needed, found a file of more than {_LARGEST_FILE >> 20} MB"
        )
    try:
        saved = json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise NashsimError(f"{path}: a certificate in JSON is needed, found {error}") from None
    if not isinstance(saved, dict) or saved.get("format") != FORMAT:
        raise NashsimError(f"{path}: a certificate of `nashsim prove --out` is needed, found another file")
    return saved


def _rebuilt(saved: dict, rule: Rule | None) -> Proof:
    """Return the proof that a file states, with its certificates confirmed."""
    rule = _rule(saved) if rule is None else rule
    tau, kind = float(saved["tau"]), saved["kind"]
    numbers = tuple(tuple(ExactStep.from_dict(step) for step in steps) for steps in saved["steps"])
    own = numbers_of(rule, tau)
    if kind == OUTER:
        own = (own[0], own[-1])
    if len(own) != len(numbers) or any(
        len(a) != len(b) or not all(x.near(y) for x, y in zip(a, b, strict=True))
        for a, b in zip(own, numbers, strict=True)
    ):
        raise NashsimError(f"'steps' are not those of the rule {rule.name!r}")
    if kind not in (CONTRACTION, AVERAGE, OUTER):
        raise NashsimError(f"'kind' is {kind!r}")
    statement = Statement.of(kind, numbers, as_fraction(saved["exact_tau"]), bool(saved["affine"]))
    if (
        abs(statement.eta - rational(saved["eta"])) > NEAR
        or abs(as_fraction(saved["exact_tau"]) - rational(tau)) > NEAR
    ):
        raise NashsimError("'eta' or 'exact_tau' is not the rule's")
    factor = None if saved["exact_factor"] is None else as_fraction(saved["exact_factor"])
    if (factor is None) != (kind == AVERAGE) or (factor is not None and not _in_range(factor, kind)):
        raise NashsimError(
            "'exact_factor' must be in [0, 1), for an outer step at most 1, null for an average"
        )
    parameters = {name: as_fraction(value) for name, value in saved["parameters"].items()}
    certificates = {name: Certificate.from_dict(c) for name, c in saved["certificates"].items()}
    confirm(statement, factor, parameters, certificates)
    return Proof(
        rule, tau, float(statement.eta), kind, statement.affine, factor, parameters, numbers, certificates,
        statement.queries,
    )  # fmt: skip


def confirm(
    statement: Statement,
    factor: Fraction | None,
    parameters: dict[str, Fraction],
    certificates: dict[str, Certificate],
) -> None:
    """Raise NashsimError where certificates do not prove every part of a statement."""
    bounds = statement.bounds()
    if parameters.keys() != bounds.keys():
        raise NashsimError(f"'parameters' must be {', '.join(bounds) or 'none'}")
    for name, (low, high) in bounds.items():
        ends = [None if end is None else Fraction(end).limit_denominator(1000) for end in (low, high)]
        if (low is not None and parameters[name] < ends[0]) or (
            high is not None and parameters[name] > ends[1]
        ):
            raise NashsimError(f"parameter {name!r} is out of its range")
    if any(sum(parameters[name] for name in combination) != 1 for combination in statement.sums()):
        raise NashsimError("the weights of V must sum to 1")
    parts = statement.parts()
    if {part.name for part in parts} != certificates.keys():
        raise NashsimError(f"'certificates' must be those of {', '.join(part.name for part in parts)}")
    for part in parts:
        target, constant = part.at(Fraction(1) if factor is None else factor, parameters)
        reason = certificates[part.name].proves(part.execution, target, constant)
        if reason is not None:
            raise NashsimError(f"certificate of {part.name!r}: {reason}")


def _in_range(factor: Fraction, kind: str) -> bool:
    return 0 <= factor < 1 or (kind == OUTER and factor == 1)


def _rule(saved: dict) -> Rule:
    for cls in RULES:
        if cls.name == saved["rule"]:
            try:
                return cls(**saved["options"])
            except TypeError:
                raise NashsimError(f"'options' are not those of the rule {cls.name!r}") from None
    raise NotProved(f"the rule {saved['rule']!r} is none of `nashsim rules`; give it to check as rule=")
