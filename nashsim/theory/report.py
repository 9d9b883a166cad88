"""The report of a verification: one HTML file that needs nothing else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from .svg import histogram, line_figure, set_scripts
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
.math { font-family: "STIX Two Math", "Cambria Math", "Latin Modern Math", "DejaVu Serif", serif; }
sub, sup { font-size: .72em; line-height: 0; }
.filter { display: flex; flex-wrap: wrap; gap: .6rem 1rem; align-items: center; margin: 1rem 0 .5rem; }
.filter input, .filter select { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--rule);
  border-radius: 6px; padding: .3rem .6rem; } .filter input { flex: 1 1 14rem; max-width: 26rem; }
[hidden] { display: none; }
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
@media (max-width: 40rem) { dl { grid-template-columns: 1fr; gap: 0; } dd { margin: 0 0 .5rem; } }
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
const words = document.getElementById("words"), verdict = document.getElementById("verdict");
const filter = () => {
  let count = 0;
  for (const row of document.querySelector("#claims tbody").rows) {
    const section = document.getElementById(row.dataset.claim);
    const text = (row.textContent + section.textContent).toLowerCase();
    const wanted = words.value.toLowerCase().split(/\\s+/).every(w => text.includes(w));
    const shown = wanted && (!verdict.value || row.dataset.verdict === verdict.value);
    row.hidden = section.hidden = !shown;
    count += shown;
  }
  document.getElementById("count").textContent = `${count} shown`;
};
words.addEventListener("input", filter); verdict.addEventListener("input", filter);
const open = () => {
  const d = document.getElementById(location.hash.slice(1));
  if (d) { d.open = true; d.scrollIntoView(); }
};
addEventListener("hashchange", open); open();
"""


def html_report(
    findings: Sequence[Verification],
    title: str = "What the theory says, measured",
    *,
    seed: int | None = None,
    date: Any = None,
) -> str:
    """Return the report: a table to sort and filter, and each claim opening to its statement, worst game and figures.

    Parameters
    ----------
    findings : sequence of Verification
    title : str
        Heading of the page.
    seed : int or None
        Seed of the random games, where it is to be told.
    date : date, str or None
        Day of the measurement, where it is to be told.

    Returns
    -------
    str
        A whole HTML page that loads nothing from outside, for light and dark screens; papers are links.
    """
    from .. import __version__

    told = [f"nashsim {__version__}"]
    told += [] if seed is None else [f"seed {seed}"]
    told += [] if date is None else [str(date)]

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
        f'<h1>{escape(title)}</h1><p>{head} <span class="quiet">{escape(", ".join(told))}</span></p>{worry}'
        '<p class="quiet">A claim holds where measured/bound is at most 1 on every instance. A ratio near 1 alone does'
        " not say that a bound is tight: where a step hardly moves, both are near what was there before it. Tight is a"
        " bound of a decrease whose claimed rate is near the measured one; each claim tells that of its worst instance."
        " Each is also measured under a named mutation of its algorithm or of a condition, its negative control, and"
        " with rules that do not move, and must fail both times.</p>"
        f"{_filter(findings)}{_table(findings)}<h2>Claim by claim</h2>"
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


_ARXIV = re.compile(r"arXiv (\d{4}\.\d{4,5}(?:v\d+)?)")


def mathematics(text: str) -> str:
    """Return a statement as HTML: ``_x``, ``_{...}``, ``^x`` and ``^{...}`` lowered and raised, all else escaped.

    Examples
    --------
    >>> mathematics("KL_0 < ρ^{t+1}")
    '<span class="math">KL<sub>0</sub> &lt; ρ<sup>t+1</sup></span>'
    """
    return f'<span class="math">{set_scripts(text, "<sub>{}</sub>", "<sup>{}</sup>")}</span>'


def _linked(source: str) -> str:
    """The text of a source, its papers as links."""
    text = set_scripts(source, "<sub>{}</sub>", "<sup>{}</sup>")
    return _ARXIV.sub(r'<a href="https://arxiv.org/abs/\1" rel="noreferrer">arXiv \1</a>', text)


def _filter(findings: Sequence[Verification]) -> str:
    verdicts = "".join(
        f"<option>{verdict}</option>" for verdict in dict.fromkeys(f.verdict for f in findings)
    )
    return (
        '<div class="filter"><input id="words" type="search" aria-label="words" placeholder="filter: words of a claim">'
        f'<select id="verdict" aria-label="verdict"><option value="">any verdict</option>{verdicts}</select>'
        f'<span id="count" class="quiet" aria-live="polite">{len(findings)} shown</span></div>'
    )


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
        (_linked(claim.source), None),
        (claim.tag, None),
        (f.games, f.games),
        (f"{f.worst_ratio:.3g}", f.worst_ratio),
        (_rate(f), f.rate if f.rate is not None else ""),
        (mathematics(claim.predicted), None),
        ("rejected" if f.control_rejected else '<span class="bad">passes</span>', None),
        (f'<span class="{"good" if f.ok else "bad"}">{f.verdict}</span>', f.verdict),
    )
    return (
        f'<tr data-claim="{claim.id}" data-verdict="{f.verdict}">'
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
        "statement": mathematics(claim.statement),
        "source": f"{_linked(claim.source)} [{claim.tag}]",
        "conditions": mathematics(claim.conditions),
        "measured": f"{mathematics(claim.quantity)}, against {mathematics(claim.predicted)}",
        "worst ratio": f"{f.worst_ratio:.4g}, median {np.median(f.ratios):.3g} over {f.games} instances",
        "tightness": _tightness(f),
        "fitted rate": f"{_rate(f)} at 95%" if f.rate is not None else "",
        "control": f"{escape(claim.control.name)}: worst ratio {f.control_ratio:.3g},"
        f" {'rejected' if f.control_ratio > 1 else 'NOT rejected'}",
        "not moving": ""
        if f.still_ratio is None
        else f"worst ratio {f.still_ratio:.3g}, {'rejected' if f.still_ratio > 1 else 'NOT rejected'}",
        "worst game": f"{escape(worst.name)}: {worst.actions} actions, τ = {worst.tau:.4g},"
        f" step {worst.step:.3g} of the largest",
        "remark": mathematics(f.remark) if f.remark else "",
    }
    listed = "".join(f"<dt>{name}</dt><dd>{text}</dd>" for name, text in facts.items() if text)
    figures = _curves(f)
    spread = histogram(f.ratios, "measured / bound")
    return (
        f'<details id="{claim.id}"><summary>{escape(claim.id)}'
        f' <span class="quiet">— {mathematics(claim.statement)}</span></summary><dl>{listed}</dl>'
        f'<div class="figures">{figures}{spread}</div>{_game(f)}</details>'
    )


def _tightness(f: Verification) -> str:
    """What a bound of a decrease claims of it at the worst instance; nothing for other claims."""
    if f.evidence.before is None or f.evidence.fits:
        return ""
    share = float(f.evidence.tightness()[0])
    return f"at the worst ratio the bound claims {share:.3g} of the measured rate of decrease"


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
