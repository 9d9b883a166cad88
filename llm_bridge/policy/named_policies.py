"""Where the named policies of a rule live: one in the weights that train, the others frozen beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from nashsim.rules import POLICY, REFERENCE

from .causal_policy import CausalPolicy

#: A frozen copy of the rule's policy, kept only while something else trains in the live weights.
ITERATE = "iterate"


class Iterates:
    """Named policies of a rule over a ``CausalPolicy``; a copy is made only where two of them are needed at once.

    Parameters
    ----------
    policy : CausalPolicy
    names : iterable of str
        All that the rule names; at the start each is the policy as it is.

    Attributes
    ----------
    live : str
        Whom the trainable weights are.
    """

    def __init__(self, policy: CausalPolicy, names: Iterable[str]):
        self.policy, self.live = policy, POLICY
        # A rule's other policies start where the policy does, and share one frozen copy.
        others = [name for name in dict.fromkeys(names) if name not in (POLICY, REFERENCE)]
        for name in others:
            if name is others[0]:
                policy.snapshot(name)
            else:
                policy.copy(others[0], name)

    def real(self, name: str) -> str:
        """Return what the CausalPolicy calls a policy of the rule, as long as the live weights have not moved.

        Parameters
        ----------
        name : str
        """
        return POLICY if name == self.live else self._frozen(name)

    @staticmethod
    def _frozen(name: str) -> str:
        return ITERATE if name == POLICY else name

    def occupy(self, name: str) -> None:
        """Make a named policy the one in the live weights, its predecessor frozen.

        Parameters
        ----------
        name : str
        """
        if name != self.live:
            self.policy.snapshot(self._frozen(self.live))
            self.policy.copy(self._frozen(name), POLICY)
            self._drop(name)
            self.live = name

    def leave(self, into: str) -> None:
        """Train the live weights into another policy from here on, the one that they are frozen.

        Parameters
        ----------
        into : str
        """
        if into != self.live:
            self.policy.snapshot(self._frozen(self.live))

    def wrote(self, into: str) -> None:
        """Take note that the live weights now are the policy ``into``.

        Parameters
        ----------
        into : str
        """
        self.live = into
        self._drop(into)

    def mix(self, base: Mapping[str, float], into: str) -> None:
        """Write into a policy, which must not be live, the policy of the average parameters sum_k base[k] theta_k.

        For a softmax table that is the geometric mixture; for a network it is the moving average of parameters that
        the papers of Nash-EMA and Nash Prox use.

        Parameters
        ----------
        base : mapping of str to float
        into : str
        """
        if base == {into: 1.0}:
            return
        if into == self.live:
            # A mixture into the live policy would lose what trains: it moves out, frozen, and is mixed there.
            self.policy.snapshot(self._frozen(into))
            self._assign(base, self._frozen(into))
            self.policy.copy(self._frozen(into), POLICY)
            self._drop(into)
            return
        self._assign(base, self._frozen(into))

    def _assign(self, base: Mapping[str, float], name: str) -> None:
        real = {self.real(k): w for k, w in base.items()}
        if len(real) == 1:
            [source] = real
            self.policy.copy(source, name)
        else:
            self.policy.average(real, name)

    def _drop(self, name: str) -> None:
        """Forget the frozen copy of a policy that is live: it would only grow stale."""
        frozen = self._frozen(name)
        if frozen != REFERENCE and frozen in self.policy.past_names:
            self.policy.forget(frozen)
