"""What the page says in words; labels come from files, and are escaped."""

from __future__ import annotations

from html import escape

from .answers import Answer


def facts_text(found: Answer) -> str:
    """Return the line above the charts."""
    policy = found.equilibrium.policy.iloc[found.order]
    shown = ", ".join(f"{escape(str(label))} <b>{p:.4f}</b>" for label, p in policy.head(6).items())
    more = f" and {len(policy) - 6} more" if len(policy) > 6 else ""
    return (
        f"<p><b>{escape(found.game.name)}</b>, {found.game.actions} actions, τ = {found.game.tau:.4g}."
        f" Equilibrium: {shown}{more}. Residual {found.equilibrium.residual:.1e}.</p>"
    )


def runs_text(found: Answer) -> str:
    """Return the table of what became of every rule."""
    rows = []
    for rule in [*found.runs, *(name for name in found.notes if name not in found.runs)]:
        run, note = found.runs.get(rule), found.notes.get(rule)
        eta = (
            ""
            if run is None
            else f"η = {run.rule.eta(found.game.tau):.4g}"
            if run.rule.constant
            else "η falls"
        )
        said = note or ("" if run is None else run.status)
        rows.append(f"<tr><th>{escape(rule)}</th><td>{eta}</td><td>{escape(said)}</td></tr>")
    return f"<table>{''.join(rows)}</table>"
