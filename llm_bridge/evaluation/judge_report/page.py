"""The report on a judge for people: lines for a terminal, and one HTML page that needs nothing else."""

from __future__ import annotations

from html import escape

import numpy as np

from .cycles import Cycles
from .report import Estimate, JudgeReport, Voice

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --quiet: #5c6675; --paper: #fdfdfb; --rule: #d9dde3;
  --measured: #1f6fb2; --null: #b9c2cd; --mark: #c2571a; --card: #ffffff; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ee; --quiet: #9aa5b4; --paper: #14181e; --rule: #333b46;
  --measured: #6db3f2; --null: #4a5563; --mark: #f0965a; --card: #1b2129; } }
body { background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; margin: 0 auto;
  max-width: 60rem; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; } h2 { font-size: 1.15rem; margin: 2.25rem 0 .5rem; }
p { margin: .4rem 0; } .quiet, caption { color: var(--quiet); } .scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { padding: .35rem .6rem; text-align: left; border-bottom: 1px solid var(--rule); vertical-align: middle; }
th.number { text-align: right; }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; } td.plot { width: 40%; }
svg { display: block; width: 100%; height: auto; } svg text { fill: var(--quiet); font: 11px system-ui, sans-serif; }
svg .axis { stroke: var(--quiet); } svg .half { stroke: var(--quiet); stroke-dasharray: 3 3; }
svg .span { stroke: var(--measured); stroke-width: 3; } svg .dot { fill: var(--measured); }
svg .null { fill: var(--null); } svg .mark { stroke: var(--mark); stroke-width: 2; } svg text.mark { fill: var(--mark);
  stroke: none; } figure { margin: .5rem 0; max-width: 40rem; } figcaption { color: var(--quiet); font-size: .9rem; }
article { background: var(--card); border: 1px solid var(--rule); border-radius: 8px; margin: .75rem 0;
  padding: .75rem 1rem; } article ol { margin: .5rem 0 0; padding-left: 1.4rem; } li { margin: .35rem 0; }
li div { overflow-wrap: anywhere; white-space: pre-wrap; } li .quiet { font-size: .88rem; }
"""

_ROWS = {
    "flips": ("position bias", "pairs whose winner changes with the order", 0.0),
    "first": ("first position", "P that the response that stands first is better", 0.5),
    "longer": ("length bias", "win rate of the longer response", 0.5),
    "consistent": ("self-consistency", "questions answered alike when asked again", 1.0),
    "agreement": ("agreement", "pairs that the second judge decides alike", 1.0),
}


def report_text(report: JudgeReport) -> str:
    """Return the report as lines.

    Parameters
    ----------
    report : JudgeReport
        What was found.
    """
    lines = [f"{report.title}: {_asked(report)}"]
    for name, (label, what, _) in _ROWS.items():
        found = _estimate(report, name)
        lines.append(f"{label:18s}{_number(found):24s}{what}{'' if found is None else f' ({found.count})'}")
    lines += [f"{'cycles':18s}{line}" for line in _cycle_lines(report.voice.cycles)]
    for name, voice in report.criteria.items():
        lines.append(
            f"{f'  {name}'[:17]:18s}flips {_number(voice.flips)}, longer {_number(voice.longer)},"
            f" cyclic mass {_mass(voice.cycles)}"
        )
    for cycle in report.found_cycles:
        lines.append(
            f"\nthree-cycle on {' '.join(cycle['prompt'].split())[:90]!r}, each preferred to the next:"
        )
        for said, p in zip(cycle["responses"], cycle["probabilities"], strict=True):
            lines.append(f"  {p:.3f}  {' '.join(said.split())[:150]}")
    return "\n".join(lines)


def report_html(report: JudgeReport) -> str:
    """Return the report as a whole page, for light and dark screens.

    Parameters
    ----------
    report : JudgeReport
        What was found.
    """
    from nashsim import __version__

    rows = "".join(
        f'<tr><th scope="row">{label}<div class="quiet" style="font-weight:400">{what}</div></th>'
        f'<td class="number">{_number(found)}</td><td class="plot">{_span(found, ideal)}</td></tr>'
        for name, (label, what, ideal) in _ROWS.items()
        if (found := _estimate(report, name)) is not None
    )
    cycles = report.voice.cycles
    parts = [
        f"<h1>How this judge judges</h1><p><strong>{escape(report.title)}</strong></p>",
        f'<p class="quiet">{_asked(report)}; shares with 95% intervals of a bootstrap over prompts. nashsim'
        f" {__version__}</p>",
        f'<h2>Position, length, consistency</h2><div class="scroll"><table><tbody>{rows}</tbody></table></div>',
        f'<p class="quiet">Dashed: where an unbiased, consistent judge lies. A judge that wavers changes the winner'
        f" with the order without any bias: hold it against 1 - self-consistency.{_second(report)}</p>",
        "<h2>Cycles</h2>",
        *(f"<p>{escape(line)}</p>" for line in _cycle_lines(cycles)),
    ]
    if cycles is not None:
        parts.append(_null_figure(cycles))
    if report.criteria:
        parts.append(_criteria(report))
    if report.found_cycles:
        parts.append("<h2>Responses in a three-cycle</h2>")
        parts += [_cycle(found) for found in report.found_cycles]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(report.title)}</title><style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    )


def _estimate(report: JudgeReport, name: str) -> Estimate | None:
    return report.agreement if name == "agreement" else getattr(report.voice, name)


def _asked(report: JudgeReport) -> str:
    times = "once" if report.repeats == 1 else f"{report.repeats} times"
    asked = f"{report.pairs} pairs of {report.responses} responses to {report.prompts} prompts"
    return f"{asked}, each in both orders, {times}"


def _second(report: JudgeReport) -> str:
    return "" if report.second is None else f" The second judge is {escape(report.second)}."


def _number(found: Estimate | None) -> str:
    return "–" if found is None else f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"


def _mass(found: Cycles | None) -> str:
    return "–" if found is None else f"{found.cyclic_mass:.3f} [{found.low:.3f}, {found.high:.3f}]"


def _cycle_lines(found: Cycles | None) -> list[str]:
    if found is None:
        return ["not measured: no prompt has three different responses"]
    low, high = np.quantile(found.null, [0.025, 0.975])
    beyond = f"{found.excess:.3f} [{found.excess_low:.3f}, {found.excess_high:.3f}]"
    mass = f"cyclic mass {_mass(found)} over {found.prompts} prompts"
    triples = f"cyclic triples {found.cyclic_triples:.3f}"
    if found.p_value is None:
        return [
            f"{mass}; strengths alone {found.null.mean():.3f} (without noise: {found.noise})",
            f"beyond strengths {beyond}; {triples}",
        ]
    return [
        f"{mass}; noise alone {found.null.mean():.3f} [{low:.3f}, {high:.3f}] ({found.noise})",
        f"beyond noise {beyond}, p = {found.p_value:.3g}; {triples}, noise alone {found.null_triples:.3f}",
    ]


def _span(found: Estimate, ideal: float) -> str:
    """An interval on [0, 1]."""
    x = {name: 10 + 280 * getattr(found, name) for name in ("low", "value", "high")}
    at = 10 + 280 * ideal
    ticks = "".join(
        f'<text x="{10 + 280 * t:.0f}" y="30" text-anchor="middle">{t:g}</text>' for t in (0, 0.5, 1)
    )
    return (
        f'<svg viewBox="0 0 300 34" role="img"><title>{_number(found)}</title>'
        f'<line class="axis" x1="10" x2="290" y1="18" y2="18"/><line class="half" x1="{at}" x2="{at}" y1="2" y2="18"/>'
        f'<line class="span" x1="{x["low"]:.1f}" x2="{x["high"]:.1f}" y1="10" y2="10"/>'
        f'<circle class="dot" cx="{x["value"]:.1f}" cy="10" r="4.5"/>{ticks}</svg>'
    )


def _null_figure(found: Cycles) -> str:
    """The null distribution of the mean cyclic mass, and the judge's own."""
    reach = 1.1 * max(found.null.max(), found.cyclic_mass, found.high, 1e-3)
    step = min(
        (s for k in range(-4, 1) for s in (10.0**k, 2 * 10.0**k, 5 * 10.0**k) if reach / s <= 6), default=0.2
    )
    top = step * np.ceil(reach / step)
    counts, edges = np.histogram(found.null, bins=40, range=(0, top))

    def x(value: float) -> float:
        return 20 + 560 * value / top

    bars = "".join(
        f'<rect class="null" x="{x(edges[k]):.1f}" y="{130 - 100 * n / counts.max():.1f}" width="13"'
        f' height="{100 * n / counts.max():.1f}"/>'
        for k, n in enumerate(counts)
        if n
    )
    ticks = "".join(
        f'<text x="{x(t):.1f}" y="146" text-anchor="middle">{t:.6g}</text>'
        for t in np.arange(0, top + step / 2, step)
    )
    drawn = "a judge that only has the same strengths, which does not waver either"
    if found.p_value is not None:
        drawn = (
            f"{len(found.null)} draws of a judge that only has strengths and noise ({escape(found.noise)})"
        )
    at = x(found.cyclic_mass)
    side, shift = ("end", -6) if at > 420 else ("start", 6)
    return (
        '<figure><svg viewBox="0 0 600 165" role="img"><title>Cyclic mass and what noise alone gives</title>'
        f'{bars}<line class="axis" x1="20" x2="580" y1="130" y2="130"/>{ticks}'
        f'<line class="mark" x1="{at:.1f}" x2="{at:.1f}" y1="14" y2="130"/>'
        f'<line class="mark" x1="{x(found.low):.1f}" x2="{x(found.high):.1f}" y1="22" y2="22"/>'
        f'<text class="mark" x="{at + shift:.1f}" y="14" text-anchor="{side}">this judge {found.cyclic_mass:.3f}</text>'
        '<text x="300" y="162" text-anchor="middle">mean cyclic mass</text></svg>'
        f"<figcaption>Grey: {drawn}.</figcaption></figure>"
    )


def _criteria(report: JudgeReport) -> str:
    heads = (
        "criterion",
        "winner changes with order",
        "longer wins",
        "cyclic mass",
        "strengths and noise alone",
    )

    def cells(name: str, voice: Voice) -> str:
        null = "–" if voice.cycles is None else f"{voice.cycles.null.mean():.3f}"
        values = (_number(voice.flips), _number(voice.longer), _mass(voice.cycles), null)
        told = "".join(f'<td class="number">{value}</td>' for value in values)
        return f'<tr><th scope="row">{escape(name)}</th>{told}</tr>'

    rows = cells("all", report.voice) + "".join(cells(*one) for one in report.criteria.items())
    head = "".join(
        f'<th scope="col"{" class=number" if k else ""}>{name}</th>' for k, name in enumerate(heads)
    )
    return (
        '<h2>Criterion by criterion</h2><div class="scroll"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _cycle(found: dict) -> str:
    items = "".join(
        f'<li><div>{escape(said)}</div><span class="quiet">preferred to the {"next" if k < 2 else "first"} with'
        f" P = {p:.3f}</span></li>"
        for k, (said, p) in enumerate(zip(found["responses"], found["probabilities"], strict=True))
    )
    return f"<article><strong>{escape(found['prompt'])}</strong><ol>{items}</ol></article>"
