"""Where the named policies of a rule live: one in the weights that train, the others frozen beside them."""

from __future__ import annotations

from collections.abc import Mapping

from nashsim.rules import POLICY, REFERENCE

from .causal_policy import CausalPolicy

#: A frozen copy of the rule's policy, kept only while something else trains in the live weights.
ITERATE = "iterate"


class Iterates:
    """Named policies of a rule over a ``CausalPolicy``; a copy is made only where two of them are needed at once.

    Parameters
    ----------
    policy : CausalPolicy
    init : mapping of str to str
        Every policy that the rule names, and where it starts: at ``POLICY``, the policy as it is, or ``REFERENCE``.

    Attributes
    ----------
    live : str
        Name of the policy in the trainable weights.
    """

    def __init__(self, policy: CausalPolicy, init: Mapping[str, str]):
        self.policy, self.live = policy, POLICY
        # Policies of one start share one frozen copy.
        first: dict[str, str] = {REFERENCE: REFERENCE}
        for name, start in init.items():
            if name in (POLICY, REFERENCE):
                continue
            policy.copy(first.get(start, POLICY), name)
            first.setdefault(start, name)

    def stored(self, name: str) -> str:
        """Return what the CausalPolicy calls a policy of the rule, as long as the live weights have not moved."""
        return POLICY if name == self.live else self._frozen(name)

    @staticmethod
    def _frozen(name: str) -> str:
        return ITERATE if name == POLICY else name

    def make_live(self, name: str) -> None:
        """Make a named policy the one in the live weights, its predecessor frozen."""
        if name != self.live:
            self.policy.snapshot(self._frozen(self.live))
            self.policy.copy(self._frozen(name), POLICY)
            self._drop(name)
            self.live = name

    def branch(self, into: str) -> None:
        """Train the live weights into another policy from here on; the one that they are is frozen."""
        if into != self.live:
            self.policy.snapshot(self._frozen(self.live))

    def rename_live(self, into: str) -> None:
        """Take note that the live weights, trained, now are the policy ``into``."""
        self.live = into
        self._drop(into)

    def copy(self, source: str, into: str) -> None:
        """Write one named policy over another."""
        if source != into:
            self._write({source: 1.0}, into)

    def average(self, base: Mapping[str, float], into: str) -> None:
        """Write into a policy the one of the average parameters sum_k base[k] theta_k.

        For a softmax table that is the geometric mixture; for a network it is the moving average of parameters of
        Nash-EMA and of Nash Prox's target, which is another policy.
        """
        self._write(base, into)

    def _write(self, base: Mapping[str, float], into: str) -> None:
        live = into == self.live
        if live:
            # It moves out, frozen, and is written there: an average would lose what trains.
            self.policy.snapshot(self._frozen(into))
        stored = {self.stored(name): weight for name, weight in base.items()}
        if len(stored) == 1:
            self.policy.copy(*stored, self._frozen(into))
        else:
            self.policy.average(stored, self._frozen(into))
        if live:
            self.policy.copy(self._frozen(into), POLICY)
            self._drop(into)

    def _drop(self, name: str) -> None:
        """Forget the frozen copy of a policy that is live: it would only grow stale."""
        frozen = self._frozen(name)
        if frozen != REFERENCE and frozen in self.policy.past_names:
            self.policy.forget(frozen)
