"""Methods that SmolLM2 is trained by, how each spends its comparisons, and names of what is measured."""

from dataclasses import dataclass, field

REFERENCE, TAU = "reference", 0.05
CRITERIA, MARKERS = ("brief", "faithful", "plain"), ("v", "s", "d")
TRIPLES, MASS = "share of triples that are cycles", "share of the squared margin that no strengths explain"
#: A reward P(. ≻ mu) maximised under KL: the policy gradient whose opponent is the reference.
REWARD = "reward + KL"


@dataclass(frozen=True)
class Plan:
    """How a method spends its comparisons.

    Attributes
    ----------
    group : str
        Colour of the figure.
    algorithm : str
    each : int
        Comparisons of an iteration for each of its prompts.
    fits : int or None
        Mirror steps that the comparisons are split into, each of as many optimiser steps as a gradient method would
        take; None for gradient steps.
    parameters : dict
    """

    group: str
    algorithm: str
    each: int = 1
    fits: int | None = None
    parameters: dict = field(default_factory=dict)


PLANS = {
    "nash-md-pg": Plan("orange", "nash-md-pg"),
    REWARD: Plan("vermilion", "nash-md-pg", parameters={"mixture": 1.0}),
    "online-ipo": Plan("orange", "online-ipo"),
    "dpo": Plan("vermilion", "dpo", fits=1),
    "inpo": Plan("blue", "inpo", fits=2),
    "egpo": Plan("orange", "egpo", each=4),
    "nash-mp-pg": Plan("orange", "nash-mp-pg", each=2),
    "optimistic": Plan("blue", "optimistic", each=4, fits=2),
}
NASH = tuple(name for name, plan in PLANS.items() if plan.group != "vermilion")
GROUPS = {
    "blue": "after the Nash, fitted",
    "orange": "after the Nash, gradient steps",
    "vermilion": "after a reward",
}
