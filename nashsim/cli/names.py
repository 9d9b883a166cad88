"""Names on the command line: what completes them, and what is said of a rule asked for as a learner."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ..errors import NashsimError, unknown_name


def rule_names() -> list[str]:
    """Return the names of all rules."""
    from ..rules import RULES

    return [rule.name for rule in RULES]


def learner_names() -> list[str]:
    """Return the names of all learners."""
    from ..online import LEARNERS

    return [learner.name for learner in LEARNERS]


def complete_rule(incomplete: str) -> list[str]:
    """Return the rules that begin so."""
    return _beginning(rule_names(), incomplete)


def complete_learner(incomplete: str) -> list[str]:
    """Return the learners that begin so."""
    return _beginning(learner_names(), incomplete)


def complete_source(incomplete: str) -> list[str]:
    """Return the games that begin so; a file is completed by the shell's own means."""
    from .. import games

    return _beginning(games.names(), incomplete)


def complete_figure(incomplete: str) -> list[str]:
    """Return the figures that begin so."""
    from .reproducing import find_experiments

    return _beginning(find_experiments(), incomplete)


def complete_claim(incomplete: str) -> list[str]:
    """Return the claims that begin so."""
    from ..theory.claims import CLAIMS

    return _beginning((claim.id for claim in CLAIMS), incomplete)


def require_rule(name: str) -> str:
    """Return the name of a rule, or raise NashsimError: a learner is told apart from what is unknown."""
    return _require("rule", name, rule_names(), "learner", learner_names, "nashsim regret SOURCE --learner")


def require_learner(name: str) -> str:
    """Return the name of a learner, or raise NashsimError: a rule is told apart from what is unknown."""
    return _require("learner", name, learner_names(), "rule", rule_names, "nashsim run SOURCE --rule")


def _require(
    kind: str, name: str, known: list[str], other: str, others: Callable[[], list[str]], command: str
) -> str:
    if name in known:
        return name
    if name not in others():  # looked for only now: learners take a tenth of a second to import
        raise unknown_name(kind, name, known)
    alike = [one for one in known if one.startswith(f"{name}-") or name.startswith(f"{one}-")]
    near = f", or the {kind} {alike[0]!r}" if alike else ""
    raise NashsimError(f"{kind}: {name!r} is a {other}; use it by `{command} {name}`{near}")


def _beginning(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
