"""How strong each claim is: what its first games reach of its bound, in ``strength.json``.

That is the worst measured/bound and the largest tightness, rounded down; of identities, which are held against
rounding, a third. ``python -m tests.theory.strength [CLAIM]...`` writes it anew.
"""

import json
import sys
from pathlib import Path

FILE = Path(__file__).parent / "strength.json"
STRENGTH = json.loads(FILE.read_text(encoding="utf-8"))
#: First games of a claim: a quarter at the edge of its conditions, a quarter of the catalogue, the rest at random.
GAMES = 16


def pinned(claim, value):
    """Three digits, a hundredth below a value; what is a share of rounding may be another one on another processor."""
    return float(f"{value / 3 if claim.kind == 'identity' else 0.99 * value:.3g}")


def write(names=()):
    """Measure these claims, or all, and write what they reach."""
    from nashsim.theory import CLAIMS

    measured = {claim.id: STRENGTH.get(claim.id) for claim in CLAIMS}
    for claim in CLAIMS:
        if names and claim.id not in names:
            continue
        ratio, tightness = claim.scores(claim.instances(GAMES)).max(axis=1)
        measured[claim.id] = {"ratio": pinned(claim, ratio), "tightness": pinned(claim, tightness)}
    measured = {name: kept for name, kept in measured.items() if kept}
    FILE.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write(sys.argv[1:])
