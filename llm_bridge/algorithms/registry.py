"""Named algorithms, and every rule of nashsim by its own name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from nashsim.errors import NashsimError, unknown_name
from nashsim.rules import RULES, GradientStep, Rule

from .algorithm import Algorithm

#: What makes the options of an ``Algorithm`` of a rule, and of parameters that are not the rule's.
Options = Callable[..., dict]
#: Name -> rule class and options, of the algorithms in ``named/`` and of a user's.
NAMED: dict[str, tuple[type[Rule], Options]] = {}
#: How a rule that has no algorithm of its own is fitted: its mirror steps, or its gradient steps.
MIRROR = {"fit": "regression"}
GRADIENT = {"fit": "policy-gradient", "responses": 1, "level": "token", "every_step": True}


def register(name: str, rule: type[Rule], **options) -> Callable[[Options], Options]:
    """Register an algorithm: a decorator of the function that returns its options, or all of it where they are given.

    Parameters
    ----------
    name : str
        Name in lower case with hyphens; another's is refused.
    rule : type
        The only place of its coefficients.
    **options
        Options of ``Algorithm`` that depend on nothing; the function's arguments are the rule and, by keyword, the
        algorithm's own parameters.

    Examples
    --------
    >>> from nashsim.rules import INPO
    >>> @register("inpo-of-eight", INPO)
    ... def of_eight(rule, *, responses=8):
    ...     return {"fit": "regression", "responses": responses}
    >>> get_algorithm("inpo-of-eight").responses
    8
    >>> del NAMED["inpo-of-eight"]
    """
    if name in NAMED:
        raise NashsimError(f"algorithm: the name {name!r} is taken by one on {NAMED[name][0].__name__}")

    def kept(build: Options) -> Options:
        NAMED[name] = rule, build
        return build

    if options:
        kept(lambda rule: options)
    return kept


def algorithms() -> tuple[str, ...]:
    """Return all names: those of papers, then every other rule of nashsim by its own."""
    return (*NAMED, *(rule.name for rule in RULES if rule.name not in NAMED))


def get_algorithm(name: str | Rule | Algorithm, **parameters) -> Algorithm:
    """Return a named algorithm with its paper's parameters.

    Parameters
    ----------
    name : str, Rule or Algorithm
        ``"inpo"``, ``"nash-md-pg"``, ...; the name of any other rule; or a rule with its numbers, fitted as the
        algorithm of its name is. An Algorithm is returned as it is.
    **parameters
        Those of the rule (``step``, ``eta_inverse``, ``mixture``, ...), of the constructor (INPO's ``selection`` and
        ``responses``; ENPO's ``alpha``, ``beta``, ``sign``, ``n_z``; EGPO's ``gradient``; ...), or attributes of
        ``Algorithm``.

    Raises
    ------
    NashsimError
        For an unknown name or parameter, suggesting the nearest.

    Examples
    --------
    >>> get_algorithm("enpo", eta_inverse=0.0075, n_z=8).comparators
    8
    >>> get_algorithm("nash-md-pg", mixture=0.25).rule
    NashMDPG(step=None, mixture=0.25)
    """
    if isinstance(name, Algorithm):
        return replace(name, **parameters) if parameters else name
    rule = name if isinstance(name, Rule) else None
    name = str(name) if rule is None else rule.name
    cls, build = _found(name, type(rule))
    of_rule = {k: v for k, v in parameters.items() if rule is None and k in cls.__dataclass_fields__}
    rest = {k: v for k, v in parameters.items() if k not in of_rule}
    own = getattr(build, "__kwdefaults__", None) or {}
    changed = {k: v for k, v in rest.items() if k not in own}
    known = (*cls.__dataclass_fields__, *own, *Algorithm.__dataclass_fields__)
    for key in changed:
        if key not in Algorithm.__dataclass_fields__ or key in ("name", "rule"):
            raise unknown_name(f"parameter of {name}", key, known)
    rule = cls(**of_rule) if rule is None else rule
    made = Algorithm(name, rule, **build(rule, **{k: v for k, v in rest.items() if k in own}))
    return replace(made, **changed) if changed else made


def _found(name: str, given: type) -> tuple[type[Rule], Options]:
    """The rule class and options of a name, or of a rule that was given."""
    if name in NAMED:
        return NAMED[name]
    by_name = {rule.name: rule for rule in RULES}
    if name not in by_name and not issubclass(given, Rule):
        raise unknown_name("algorithm", str(name), algorithms())
    return by_name.get(name, given), _of_rule


def _of_rule(rule: Rule) -> dict:
    """Options of an algorithm that is a rule's alone."""
    return GRADIENT if any(isinstance(step, GradientStep) for step in rule.steps(1.0, 0)) else MIRROR
