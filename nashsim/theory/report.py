"""The report of a verification: one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from .svg import histogram, line_figure
from .verification import Verification

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --quiet: #5c6675; --paper: #fdfdfb; --rule: #d9dde3;
  --measured: #1f6fb2; --bound: #c2571a; --good: #1d7a46; --bad: #b3261e; --card: #ffffff; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ee; --quiet: #9aa5b4; --paper: #14181e; --rule: #333b46;
  --measured: #6db3f2; --bound: #f0965a; --good: #5fcf93; --bad: #ff8a80; --card: #1b2129; } }
body { background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; margin: 0 auto;
  max-width: 1120px; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; } h2 { font-size: 1.2rem; margin: 2.5rem 0 .75rem; }
.quiet, caption { color: var(--quiet); } .scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; } th, td { padding: .4rem .6rem; text-align: left;
  border-bottom: 1px solid var(--rule); vertical-align: top; } td.number, th.number { text-align: right;
  font-variant-numeric: tabular-nums; white-space: nowrap; }
th button { all: unset; cursor: pointer; font-weight: 600; }
th button:focus-visible { outline: 2px solid var(--measured); }
th[aria-sort=ascending] button::after { content: " ▲"; } th[aria-sort=descending] button::after { content: " ▼"; }
.good { color: var(--good); } .bad { color: var(--bad); font-weight: 600; } a { color: var(--measured); }
details { background: var(--card); border: 1px solid var(--rule); border-radius: 8px;
  margin: .6rem 0; padding: .6rem 1rem; }
summary { cursor: pointer; font-weight: 600; } summary .quiet { font-weight: 400; }
dl { display: grid; grid-template-columns: 9rem 1fr; gap: .25rem 1rem; margin: .75rem 0; } dt { color: var(--quiet); }
dd { margin: 0; overflow-wrap: anywhere; } .figures { display: flex; flex-wrap: wrap; gap: 1rem; }
.figures > * { flex: 1 1 22rem; max-width: 32rem; } svg { width: 100%; height: auto; }
svg text { fill: var(--quiet); font: 11px system-ui, sans-serif; } svg .axis { fill: none; stroke: var(--quiet); }
svg .grid { stroke: var(--rule); } svg polyline { fill: none; stroke-width: 2; }
svg polyline.measured { stroke: var(--measured); } svg polyline.bound { stroke: var(--bound); stroke-dasharray: 6 4; }
svg line.bound { stroke: var(--bound); stroke-width: 2; stroke-dasharray: 6 4; }
svg rect.measured, svg circle.measured, svg text.measured { fill: var(--measured); }
svg circle.bound, svg text.bound { fill: var(--bound); }
.matrix { border-collapse: collapse; width: auto; font-size: .8rem; } .matrix td, .matrix th { text-align: right;
  padding: .1rem .45rem; border: 0; font-variant-numeric: tabular-nums; }
@media print { details { break-inside: avoid; } }
"""

_SCRIPT = """
for (const button of document.querySelectorAll("#claims th button")) button.addEventListener("click", () => {
  const head = button.parentElement, row = head.parentElement, body = document.querySelector("#claims tbody");
  const column = [...row.children].indexOf(head), up = head.getAttribute("aria-sort") !== "ascending";
  for (const other of row.children) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  const key = r => r.children[column].dataset.key ?? r.children[column].textContent;
  const compare = (a, b) => (isNaN(key(a)) || isNaN(key(b))) ? key(a).localeCompare(key(b)) : key(a) - key(b);
  [...body.rows].sort((a, b) => up ? compare(a, b) : compare(b, a)).forEach(r => body.append(r));
});
const open = () => {
  const d = document.getElementById(location.hash.slice(1));
  if (d) { d.open = true; d.scrollIntoView(); }
};
addEventListener("hashchange", open); open();
"""


def html_report(findings: Sequence[Verification], title: str = "What the theory says, measured") -> str:
    """Return the report: a sortable table, and each claim opening to its statement, worst game and figures.

    Parameters
    ----------
    findings : sequence of Verification
    title : str

    Returns
    -------
    str
        A whole HTML page without any outside resource, for light and dark screens.
    """
    from .. import __version__

    held = sum(f.verdict == "holds" for f in findings)
    games = sum(f.games for f in findings)
    refused = sum(f.control_rejected for f in findings)
    bad = [f.claim.id for f in findings if not f.ok]
    head = (
        f"{len(findings)} claims on {games} instances: {held} hold,"
        f" {sum(f.verdict == 'measured' for f in findings)} only recalled and measured;"
        f" {refused} of {len(findings)} negative controls rejected."
    )
    worry = f'<p class="bad">Not standing: {escape(", ".join(bad))}.</p>' if bad else ""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>"
        f'<h1>{escape(title)}</h1><p>{head} <span class="quiet">nashsim {__version__}</span></p>{worry}'
        '<p class="quiet">A claim holds where measured/bound is at most 1 on every instance. A ratio near 1 says that'
        " the bound is tight. Each claim is also measured under a named mutation of its algorithm or of a condition,"
        " its negative control, and must fail there.</p>"
        f"{_table(findings)}<h2>Claim by claim</h2>"
        + "".join(_section(f) for f in findings)
        + f"<script>{_SCRIPT}</script></body></html>\n"
    )


_COLUMNS = (
    "claim",
    "source",
    "tag",
    "games",
    "worst ratio",
    "fitted rate",
    "predicted",
    "control",
    "verdict",
)
_NUMBERS = ("games", "worst ratio", "fitted rate")


def _table(findings: Sequence[Verification]) -> str:
    heads = "".join(
        f'<th scope="col"{_number(name)}><button type="button">{name}</button></th>' for name in _COLUMNS
    )
    return (
        f'<div class="scroll"><table id="claims"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(_row(f) for f in findings)}</tbody></table></div>"
    )


def _row(f: Verification) -> str:
    claim = f.claim
    cells = (
        (f'<a href="#{claim.id}">{escape(claim.id)}</a>', claim.id),
        (escape(claim.source), None),
        (claim.tag, None),
        (f.games, f.games),
        (f"{f.worst_ratio:.3g}", f.worst_ratio),
        (_rate(f), f.rate if f.rate is not None else ""),
        (escape(claim.predicted), None),
        ("rejected" if f.control_rejected else '<span class="bad">passes</span>', None),
        (f'<span class="{"good" if f.ok else "bad"}">{f.verdict}</span>', f.verdict),
    )
    return (
        "<tr>"
        + "".join(
            f"<td{_number(name)}{'' if key is None else f' data-key={chr(34)}{key}{chr(34)}'}>{text}</td>"
            for name, (text, key) in zip(_COLUMNS, cells, strict=True)
        )
        + "</tr>"
    )


def _number(name: str) -> str:
    return ' class="number"' if name in _NUMBERS else ""


def _rate(f: Verification) -> str:
    return "" if f.rate is None else f"{f.rate:.3g} [{f.rate_low:.3g}, {f.rate_high:.3g}]"


def _section(f: Verification) -> str:
    claim, worst = f.claim, f.worst
    facts = {
        "statement": claim.statement,
        "source": f"{claim.source} [{claim.tag}]",
        "conditions": claim.conditions,
        "measured": f"{claim.quantity}, against {claim.predicted}",
        "worst ratio": f"{f.worst_ratio:.4g}, median {np.median(f.ratios):.3g} over {f.games} instances",
        "fitted rate": f"{_rate(f)} at 95%" if f.rate is not None else "",
        "control": f"{claim.control.name}: worst ratio {f.control_ratio:.3g},"
        f" {'rejected' if f.control_rejected else 'NOT rejected'}",
        "worst game": f"{worst.name}: {worst.actions} actions, τ = {worst.tau:.4g},"
        f" step {worst.step:.3g} of the largest",
        "remark": f.remark or "",
    }
    listed = "".join(f"<dt>{name}</dt><dd>{escape(text)}</dd>" for name, text in facts.items() if text)
    figures = _curves(f)
    spread = histogram(f.ratios, "measured / bound")
    return (
        f'<details id="{claim.id}"><summary>{escape(claim.id)} <span class="quiet">— {escape(claim.statement)}</span>'
        f'</summary><dl>{listed}</dl><div class="figures">{figures}{spread}</div>{_game(f)}</details>'
    )


def _curves(f: Verification) -> str:
    """Return the figure of the worst instance, where more than one number was measured on it."""
    measured, bound = np.broadcast_arrays(f.evidence.measured, f.evidence.bound)
    if measured.shape[1] < 2:
        return ""
    curves = [("measured", "measured", measured[0]), ("bound", "bound", bound[0])]
    return line_figure(f.evidence.x, curves, f.evidence.x_label, f.claim.quantity)


def _game(f: Verification, most: int = 12) -> str:
    """Return the worst game as a table: P, and the reference below it."""
    worst = f.worst
    if worst.actions > most:
        return ""
    rows = "".join(
        f'<tr><th scope="row">{y}</th>{"".join(f"<td>{p:.3f}</td>" for p in row)}</tr>'
        for y, row in enumerate(worst.skew + 0.5)
    )
    heads = "".join(f"<th>{y}</th>" for y in range(worst.actions))
    reference = "".join(f"<td>{p:.3g}</td>" for p in np.exp(worst.log_reference))
    return (
        '<div class="scroll"><table class="matrix">'
        "<caption>P(row ≻ column) of the worst game, and its reference</caption>"
        f"<thead><tr><th></th>{heads}</tr></thead><tbody>{rows}"
        f'<tr><th scope="row">μ</th>{reference}</tr></tbody></table></div>'
    )
