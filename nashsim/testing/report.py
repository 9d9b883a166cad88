"""What a check found: failures with how to reproduce each, and the one report and error that list them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..errors import NashsimError, unknown_name
from .problem import Problem


@dataclass(frozen=True)
class Failure:
    """A property that is broken.

    Attributes
    ----------
    property : str
    finding : str
        Sentence that says what breaks it, with numbers.
    reproduce : str
        Python lines that show it again.
    problem : Problem or None
        The smallest game that was found, for a rule.
    """

    property: str
    finding: str
    reproduce: str = ""
    problem: Problem | None = None

    def __str__(self) -> str:
        text = f"{self.property} is broken: {self.finding}"
        if self.problem is not None:
            met = f" (first met as {self.problem.origin})" if self.problem.origin else ""
            text += f"\nThe smallest game found that breaks it{met}:\n{self.problem}"
        lines = "".join(f"\n    {line}" for line in self.reproduce.splitlines())
        return text + (f"\nTo reproduce:{lines}" if lines else "")


@dataclass(frozen=True)
class CheckReport:
    """What a battery found: every property stands in one of the four.

    Attributes
    ----------
    name : str
        Name of what was checked.
    held : tuple of str
    unclaimed : tuple of str
        Properties that it does not claim, and that were not tried.
    known : dict of str
        Declared failures that still fail, with the reason given.
    failures : tuple of Failure
    """

    name: str
    held: tuple[str, ...]
    unclaimed: tuple[str, ...]
    known: Mapping[str, str]
    failures: tuple[Failure, ...]

    def __repr__(self) -> str:
        count = len(self.held) + len(self.known) + len(self.failures)
        known = "".join(f"; known to fail: {name} ({reason})" for name, reason in self.known.items())
        if not self.failures:
            return f"{self.name}: {len(self.held)} of {count} properties hold{known}"
        if len(self.failures) == 1:
            return f"{self.name}: {self.failures[0]}{known}"
        texts = (f"{k}. {failure}" for k, failure in enumerate(self.failures, start=1))
        head = f"{self.name}: {len(self.failures)} of {count} properties are broken{known}"
        return "\n\n".join([head, *texts])


class CheckError(AssertionError):
    """What was checked breaks properties; the message lists them, with how to reproduce each.

    Parameters
    ----------
    report : CheckReport
        The whole finding, kept as an attribute; ``failures`` are those of it, ``property`` and ``problem`` those of
        the first.
    """

    def __init__(self, report: CheckReport):
        self.report, self.failures = report, report.failures
        self.property, self.problem = report.failures[0].property, report.failures[0].problem
        super().__init__(repr(report))


class RuleCheckError(CheckError):
    """A rule breaks a property; the message shows the smallest game that was found to break it."""


def collect(
    name: str,
    checks: Iterable,
    *,
    known: Mapping[str, str] | None,
    raise_first: bool,
    error: type[CheckError],
) -> CheckReport:
    """Return the report of a battery, or raise it if anything fails that is not known to fail.

    Parameters
    ----------
    name : str
        Name of what is checked.
    checks : iterable of tuple of (str, callable or None)
        Properties and what tries each, ``() -> Failure or None``; ``None`` where the property is not claimed.
    known : mapping of str to str or None
        Properties known to fail, with the reason.
    raise_first : bool
        Flag: raise at the first failure; otherwise after all checks, with every failure.
    error : type
    """
    if not isinstance(known, Mapping | None):
        raise NashsimError(
            f"known: a mapping of properties to reasons is needed, as {{'simplex': 'why'}}, found {known!r}"
        )
    checks, known = list(checks), dict(known or {})
    for declared in known:
        if declared not in (names := [property for property, _ in checks]):
            raise unknown_name("known", declared, names)
    held: list[str] = []
    unclaimed: list[str] = []
    failures: list[Failure] = []
    failing = {}
    for property, attempt in checks:
        found = attempt() if attempt else None
        if found is None and property in known:
            how = "it holds" if attempt else "it is not claimed and cannot fail"
            finding = f"declared as a known failure ({known[property]}), but {how}: take it out of known"
            failures.append(Failure(property, finding))
        elif found is None:
            (held if attempt else unclaimed).append(property)
        elif property in known:
            failing[property] = known[property]
        else:
            failures.append(found)
        if failures and raise_first:
            break
    report = CheckReport(name, tuple(held), tuple(unclaimed), failing, tuple(failures))
    if failures:
        raise error(report)
    return report
