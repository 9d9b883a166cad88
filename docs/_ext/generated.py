"""Pages that are written from the packages: rules, theorems, keys, commands, and the API reference.

What a registry knows stands nowhere else: each function returns Markdown (or reStructuredText for the reference),
`write` puts it into ``_generated`` and ``reference`` before Sphinx reads.
"""

from __future__ import annotations

import ast
import csv
import importlib
import json
import pkgutil
import re
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
ROOT = HERE.parent
PACKAGES = ("nashsim", "llm_bridge")
#: Names of what stands on the page of another room.
ALIASES: set[str] = set()


def rules() -> str:
    """Return the table of rules."""
    from nashsim.rules.__main__ import table

    return _INDEX.sub(_raised, table())


def theorems() -> str:
    """Return every claim as a theorem: statement, conditions, constant, source, and the command that checks it."""
    from nashsim.theory.claims import CLAIMS, UNCLAIMED

    verified = {row["id"]: row for row in _verified()}
    text, paper = "", None
    for claim in CLAIMS:
        module = importlib.import_module(claim_module(claim))
        if module.__name__ != paper:
            paper = module.__name__
            text += f"\n## {_linked(module.__doc__.splitlines()[0].rstrip('.'))}\n"
        found = verified.get(claim.id)
        rows = {
            "Statement": _prose(claim.statement),
            "Conditions": _prose(claim.conditions),
            "Measured": f"{_prose(claim.quantity)} against {_prose(claim.predicted)}",
            "Source": f"{_linked(_prose(claim.source))} [{claim.tag}]",
            "Proof in Lean": _prose(claim.formal),
            "Rules": ", ".join(f"`{rule}`" for rule in claim.rules),
            "Checked": f"`nashsim verify {claim.id}`"
            + (
                f": worst measured/bound {found['worst_ratio']:.4g} on {found['games']} games, {found['verdict']}"
                if found
                else ""
            ),
            "Must fail": _prose(claim.control.name),
        }
        text += f"\n### {claim.id}\n\n"
        text += "".join(f"{name}\n: {value}\n\n" for name, value in rows.items() if value)
    text += (
        "\n## Theorems without a claim\n\n| theorem | source | why | nearest claims |\n|---|---|---|---|\n"
    )
    text += "".join(f"| {' | '.join(_linked(_cell(cell)) for cell in one)} |\n" for one in UNCLAIMED)
    return text.lstrip()


def claim_module(claim) -> str:
    """Return the module that states a claim."""
    from nashsim.theory import claims

    for info in pkgutil.iter_modules(claims.__path__):
        name = f"{claims.__name__}.{info.name}"
        if any(claim is other for other in getattr(importlib.import_module(name), "CLAIMS", ())):
            return name
    raise LookupError(claim.id)


#: Columns of the falsifier's table that are shown, with their digits.
_SEARCHED = (("worst_ratio", 6), ("tightness", 4), ("control_ratio", 4))


def axioms() -> str:
    """Return the table of solutions and axioms, from the stored search."""
    with open(ROOT / "figures/axioms.csv", encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["metric"] == "violation"]
    names, columns = (list(dict.fromkeys(row[key] for row in rows)) for key in ("solution", "axiom"))
    size = {(row["solution"], row["axiom"]): float(row["value"]) for row in rows}
    lines = ["| solution | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name in names:
        cells = [f"{size[name, axiom]:.2f}" if size[name, axiom] > 1e-9 else "–" for axiom in columns]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def found() -> str:
    """Return claimed against tested against searched: a row a claim."""
    from nashsim.theory import CLAIMS

    lines = (ROOT / "figures/falsification.csv").read_text(encoding="utf-8").splitlines()
    now = {claim.id: (claim.tag, claim.kind) for claim in CLAIMS}
    searched = {row["id"]: row for row in csv.DictReader(lines)}
    searched = {name: row for name, row in searched.items() if now.get(name) == (row["tag"], row["kind"])}
    text = (
        "| claim | trust | worst of random games | worst found by search | tightness | its control breaks it by |\n"
        "|---|---|---|---|---|---|\n"
    )
    for row in _verified():
        other = searched.get(row["id"])
        cells = [f"[`{row['id']}`](theorems.md#{row['id']})", row["tag"], f"{row['worst_ratio']:.4g}"]
        cells += (
            [f"{float(other[key]):.{digits}g}" if key in other else "" for key, digits in _SEARCHED]
            if other
            else [""] * len(_SEARCHED)
        )
        text += f"| {' | '.join(cells)} |\n"
    return text


def proved() -> str:
    """Return claimed against proved against found: a row a rule, from the certificates and the search that met them."""
    from nashsim.theory.proofs.worst_games import COLUMNS, comparison

    text = f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}\n"
    for name, *cells in comparison():
        text += f"| `{name}` | {' | '.join(map(_cell, cells))} |\n"
    return text


def papers() -> str:
    """Return every paper's experiment: its figure, its curves' verdicts, its settings and who gave them."""
    from nashsim.cli.papers import find_papers, listed_papers

    listed, folder = listed_papers(), ROOT / "figures" / "papers"
    text = "| paper | status | reproduced | differs | unknown |\n|---|---|---|---|---|\n"
    for one in listed:
        verdicts = [curve["verdict"] for curve in one["curves"]]
        counts = [str(verdicts.count(kind) or "") for kind in ("reproduced", "differs", "unknown")]
        text += f"| [`{one['id']}`](#{one['id']}) | {one['status']} | {' | '.join(counts)} |\n"
    for one in listed:
        if one["status"] == "absent":
            continue
        stored = json.loads((folder / f"{one['id']}.json").read_text(encoding="utf-8"))
        again = f"`nashsim paper {one['id']}`" + (" (here its short run)" if stored["quick"] else "")
        script = f"experiments/papers/{find_papers()[one['id']].name}"
        text += f"\n## {one['id']}\n\n{_prose(one['title'])}\n\n"
        text += f"{_linked(_prose(stored['source']))}. {again}, `{script}`.\n"
        if stored["missing"]:
            text += f"\nNot drawn: {_prose('; '.join(stored['missing']))}.\n"
        text += f"\n![{_prose(one['title'])}](../figures/papers/{stored['figure']})\n"
        text += "\n| curve | verdict | measured, and what is stated |\n|---|---|---|\n"
        for curve in one["curves"]:
            text += f"| {_cell(curve['name'])} | {curve['verdict']} | {_cell(curve['note'])} |\n"
        text += "\n| setting | value | given by |\n|---|---|---|\n"
        for setting in stored["settings"]:
            given = setting["source"] if setting["source"] == "ours" else f"\\[{setting['source']}\\]"
            text += f"| {_cell(setting['name'])} | {_cell(setting['value'])} | {given} |\n"
        residual = max(exact["residual"] for exact in stored["equilibria"])
        games = ", ".join(_cell(exact["game"]) for exact in stored["equilibria"])
        text += f"\nExact equilibria beside it: {games}; largest residual {residual:.0e}.\n"
    return text


def learners() -> str:
    """Return the table of learners from duels."""
    from nashsim.online import LEARNERS

    text = "| learner | what it does | duels an iteration | source |\n|---|---|---|---|\n"
    for cls in LEARNERS:
        text += f"| `{cls.name}` | {_cell(cls.update)} | {cls.labels} | {_linked(_cell(cls.source))} |\n"
    return text


def games() -> str:
    """Return the catalogue of games."""
    from nashsim.games import entries

    text = "| game | what it is | what is known of it | source |\n|---|---|---|---|\n"
    for entry in entries():
        cells = (f"`{entry.name}`", _cell(entry.summary), _cell(entry.known), _linked(_cell(entry.source)))
        text += f"| {' | '.join(cells)} |\n"
    return text


def algorithms() -> str:
    """Return the algorithms of llm_bridge: rule and loss of each, what is exact of it and what departs."""
    from llm_bridge.algorithms import algorithms, get_algorithm

    text = "| algorithm | rule | loss | update of the rule | departs |\n|---|---|---|---|---|\n"
    fits = {}
    for name in algorithms():
        algorithm = get_algorithm(name)
        rule, fit = algorithm.rule, algorithm.fit
        fits[fit.name] = fit
        cells = (
            f"`{name}`",
            f"`{rule.name}`",
            f"`{fit.name}`",
            _cell(rule.update),
            _cell(algorithm.departure or ""),
        )
        text += f"| {' | '.join(cells)} |\n"
    text += "\n| loss | what it is smallest at: exact, by enumeration |\n|---|---|\n"
    for name, fit in sorted(fits.items()):
        text += f"| `{name}` | {_cell(fit.minimiser)} |\n"
    return text


def configuration() -> str:
    """Return every key of a configuration."""
    from llm_bridge.runs.configuration.keys import table

    return table()


def commands() -> str:
    """Return the commands of both programs with their options."""
    import typer

    text = ""
    for program, package in (("nashsim", "nashsim"), ("llm-bridge", "llm_bridge")):
        group = typer.main.get_command(importlib.import_module(f"{package}.cli.app").app)
        text += f"\n## {program}\n\n| command | what it does |\n|---|---|\n"
        shown = {name: command for name, command in group.commands.items() if not command.hidden}
        for name, command in shown.items():
            text += (
                f"| [`{program} {name}`](#{program}-{name}) | {_cell(command.get_short_help_str(300))} |\n"
            )
        for name, command in shown.items():
            text += f"\n### {program} {name}\n\n{_prose(_first_paragraph(command.help))}\n\n"
            for parameter in command.params:
                said = _prose(" ".join((getattr(parameter, "help", None) or "").split()))
                if parameter.param_type_name == "argument":
                    label = (parameter.metavar or parameter.name).upper()
                else:
                    label = ", ".join([*parameter.opts, *parameter.secondary_opts])
                text += f"`{label}`\n: {said or 'Given to what it names.'}\n\n"
    return text.lstrip()


def rooms() -> dict[str, list[str]]:
    """Return the modules of the reference: each room with the names of its ``__all__``, or with its modules."""
    found = {}
    for package in PACKAGES:
        module = importlib.import_module(package)
        for info in sorted(pkgutil.iter_modules(module.__path__), key=lambda info: info.name):
            name = f"{package}.{info.name}"
            if info.name.startswith("_") or info.name == "cli":  # the page of commands has what it offers
                continue
            found[name] = _names(name)
    return found


def _names(name: str) -> list[str]:
    module = importlib.import_module(name)
    if getattr(module, "__all__", None):
        return [f"{name}.{public}" for public in sorted(module.__all__, key=str.lower)]
    names = [f"{name}.{key}" for key in _defined(module)]
    for info in sorted(pkgutil.iter_modules(getattr(module, "__path__", ())), key=lambda info: info.name):
        if not info.name.startswith("_"):
            below = importlib.import_module(f"{name}.{info.name}")
            names += [f"{below.__name__}.{key}" for key in _defined(below)]
    return names


def _defined(module) -> list[str]:
    import inspect

    return [
        key
        for key, value in vars(module).items()
        if not key.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == module.__name__
    ]


def reference() -> dict[str, str]:
    """Return the pages of the API reference by their names, in reStructuredText."""
    import inspect

    pages, seen = {}, {}
    for room, names in rooms().items():
        text = f"{room}\n{'=' * len(room)}\n\n.. automodule:: {room}\n   :no-members:\n\n"
        module = importlib.import_module(room)
        for name in names:
            short = name.removeprefix(f"{room}.")
            value = getattr(importlib.import_module(name.rpartition(".")[0]), name.rpartition(".")[2])
            first = (
                seen.setdefault(id(value), name)
                if inspect.isclass(value) or inspect.isroutine(value)
                else name
            )
            if first != name:
                text += f"``{short}``: see :py:obj:`{first}`.\n\n"
                ALIASES.add(name)
            elif inspect.isclass(value):
                options = "   :members:\n   :show-inheritance:\n"
                options += "" if value.__module__.startswith(PACKAGES) else "   :no-members:\n"
                text += f".. autoclass:: {name}\n{options}\n"
            elif inspect.isroutine(value) or hasattr(value, "py_func"):
                text += f".. autofunction:: {name}\n\n"
            elif inspect.ismodule(value):
                continue
            else:
                said = constant_comment(module, short) or constant_comment(
                    importlib.import_module(name.rpartition(".")[0]), name.rpartition(".")[2]
                )
                if said is None:
                    raise LookupError(f"{name}: public, and no comment `#:` stands above it")
                said = "\n".join("   " + line for line in said.splitlines())
                module_name, _, constant = name.rpartition(".")
                text += f".. py:data:: {constant}\n   :module: {module_name}\n\n{said}\n\n"
        pages[room.replace(".", "-")] = text
    return pages


def constant_comment(module, name: str) -> str | None:
    """Return the comment ``#:`` above a constant, in the module that defines it."""
    from docstrings import escaped

    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    package = module.__name__ if hasattr(module, "__path__") else module.__package__
                    origin = importlib.import_module("." * node.level + (node.module or ""), package)
                    return constant_comment(origin, alias.name)
    lines = Path(module.__file__).read_text(encoding="utf-8").splitlines()
    for node in ast.walk(tree):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            said, at = [], node.lineno - 2
            while at >= 0 and lines[at].startswith("#:"):
                said.insert(0, lines[at][2:].strip())
                at -= 1
            return "\n".join(escaped(said)) or None
    return None


def index_of_reference() -> str:
    """Return the first page of the reference."""
    text = "API reference\n=============\n\nWhat each room offers; a room imports only from rooms above it.\n"
    for package in PACKAGES:
        names = [room for room in rooms() if room.startswith(f"{package}.")]
        listed = "".join(f"   {room.replace('.', '-')}\n" for room in names)
        text += f"\n{package}\n{'-' * len(package)}\n\n.. toctree::\n   :maxdepth: 1\n\n{listed}"
    return text


PAGES = (rules, theorems, axioms, found, proved, papers, learners, games, algorithms, configuration, commands)


def write(app=None) -> None:
    """Write all pages."""
    from nashsim.files import write_text

    pages = {**reference(), "index": index_of_reference()}
    for folder in ("_generated", "reference"):
        (HERE / folder).mkdir(exist_ok=True)
        for stale in (HERE / folder).glob("*.rst"):
            if stale.stem not in pages:
                stale.unlink()
    for page in PAGES:
        write_text(HERE / "_generated" / f"{page.__name__}.md", page())
    for name, text in pages.items():
        write_text(HERE / "reference" / f"{name}.rst", text)


def check(app, error) -> None:
    """Fail the build where a public name of a room is not in the reference."""
    if error is None and app.builder.name == "html":
        known = {name for name, *_ in app.env.get_domain("py").get_objects()}
        public = [name for names in rooms().values() for name in names if not _is_module(name)]
        missing = [name for name in public if name not in known | ALIASES]
        if missing:
            from sphinx.errors import ExtensionError

            raise ExtensionError(f"reference: {', '.join(missing)} are public, and stand on no page")


def _is_module(name: str) -> bool:
    import inspect

    return inspect.ismodule(
        getattr(importlib.import_module(name.rpartition(".")[0]), name.rpartition(".")[2])
    )


def _verified() -> list[dict]:
    return json.loads((ROOT / "figures/verification/verify.json").read_text(encoding="utf-8"))["claims"]


def _first_paragraph(text: str | None) -> str:
    return " ".join((text or "").split("\f")[0].split())


def _prose(text: str) -> str:
    """Escape what Markdown would take for its own."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(
        p if k % 2 else _INDEX.sub(_raised, re.sub(r"([*_\[\]<>|\\])", r"\\\1", p))
        for k, p in enumerate(parts)
    )


#: An index or an exponent of one letter, or of what stands in braces; the underscore is escaped by then.
_INDEX = re.compile(r"(?<=[^\W_]|[)])(?:(\\?_|\^)(?:\{([^{}]*)\}|([^\W_])(?![^\W_]))|\^\(([^()]*)\))")


def _raised(match: re.Match) -> str:
    tag = "sub" if (match[1] or "^") != "^" else "sup"
    return f"<{tag}>{match[2] or match[3] or match[4]}</{tag}>"


def _cell(text: str) -> str:
    from nashsim.rules.__main__ import _signs

    return _prose(_signs(text).replace("\\*", "*").replace("\\|", "|"))


def _linked(text: str) -> str:
    """Make links of arXiv's numbers."""
    return re.sub(r"arXiv (\d{4}\.\d{4,5}(?:v\d)?)", r"[arXiv \1](https://arxiv.org/abs/\1)", text)


def setup(app):
    """Write before Sphinx reads, check when it has written."""
    app.connect("builder-inited", write, priority=5)
    app.connect("build-finished", check)
    return {"parallel_read_safe": True}
