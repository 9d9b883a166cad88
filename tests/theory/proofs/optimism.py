"""The optimistic one-call rule, typed by hand: what the proofs are tried on beside the registry."""

from dataclasses import dataclass

from nashsim.rules import POLICY, REFERENCE, MirrorStep, Rule, mix


@dataclass(frozen=True)
class Optimism(Rule):
    """log pi+ = (1 - eta tau) log pi + eta tau log mu + eta P((1 + b) pi_t - b pi_{t-1})."""

    step: float
    b: float = 1.0

    name = "optimism"
    update = condition = source = ""
    theorems = ()
    may_vanish = ("b",)

    def steps(self, tau, t):
        pull = self.step * tau
        opponent = {POLICY: 1 + self.b, "previous": -self.b}
        return (
            MirrorStep(
                {POLICY: 1 - pull, REFERENCE: pull}, opponent, self.step, into="next", arithmetic=True
            ),
            mix({POLICY: 1.0}, into="previous"),
            mix({"next": 1.0}, into=POLICY),
        )

    def largest_eta(self, tau):
        return 1 / tau
