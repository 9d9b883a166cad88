"""A rule run on symbols: every policy it meets as a linear combination of vectors, every quantity of unknown scalars.

With q the equilibrium (or any comparator), A = P - 1/2, e_p = p - q and u_p = log p - log q modulo constants, a policy
is u_p = sum_b basis[b] u_b + sum_r payoffs[r] A e_r + equilibrium A q over the policies b that no step defines. The
reference is no unknown: tau u_mu = -A q for the regularised equilibrium. The unknown scalars are

    d_p = KL(q || p),  m_bp = <u_b, e_p>,  h_p = <A q, e_p>,  M_rp = <A e_r, e_p> = -M_pr.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from ...rules import REFERENCE
from .numbers import ExactStep, NotProved

#: The equilibrium, or the comparator, as a policy of the inequalities.
NASH = "nash"

#: A linear form in the unknown scalars, or a combination of vectors: weights by key.
Form = dict[tuple, Fraction]


def combine(*terms: tuple[Fraction | int, Mapping]) -> dict:
    """Return sum of weight * form over ``terms``, without zeros."""
    total: dict = {}
    for weight, form in terms:
        for key, value in form.items():
            total[key] = total.get(key, 0) + weight * value
    return {key: value for key, value in total.items() if value}


@dataclass
class Execution:
    """The policies a rule has met so far, and the slots that hold them.

    Attributes
    ----------
    tau : Fraction or None
        ``None`` where the comparator is not the regularised equilibrium: the reference is then a policy like others.
    lottery : bool
        Whether the comparator is an equilibrium of the unregularised game.
    vectors : dict of str to dict
        Every policy's u as weights over ("u", policy), ("A", policy) and ("A", NASH).
    slots : dict of str to str
        The policy that each slot of the rule holds.
    queried : list of str
        The policies whose payoffs were asked for, in order.
    """

    tau: Fraction | None
    lottery: bool = False
    vectors: dict[str, dict] = field(default_factory=dict)
    slots: dict[str, str] = field(default_factory=dict)
    queried: list[str] = field(default_factory=list)

    def unknown(self, slot: str, name: str | None = None) -> None:
        """Let a slot hold a policy that no step defines; the reference's is known where tau is given."""
        name = f"{slot} 0" if name is None else name
        self.slots[slot] = name
        known = slot == REFERENCE and self.tau is not None
        self.vectors[name] = {("A", NASH): -1 / self.tau} if known else {("u", name): Fraction(1)}

    def step(self, step: ExactStep) -> None:
        """Carry out one mirror step."""
        vector = self.mixture(step.base)
        if step.opponent:
            vector = combine((1, vector), (step.eta, self._payoff(step)))
            name = self._fresh(step.into)
        elif len(step.base) == 1:
            [source] = step.base
            self.slots[step.into] = self.slots[source]
            return
        else:
            name = self._fresh(step.into)
        self.vectors[name] = vector
        self.slots[step.into] = name

    def fixed_point(self, step: ExactStep) -> None:
        """Let a step's slot hold the policy that the step leaves as it is, its own payoff included."""
        own = step.base.get(step.into, Fraction(0))
        plain = step.opponent == {step.into: 1} and own != 1
        if not plain:
            raise NotProved("not proved: the inner steps have no fixed point of a kind that is known here")
        rest = {slot: weight / (1 - own) for slot, weight in step.base.items() if slot != step.into}
        name = self._fresh(step.into)
        payoff = {("A", name): Fraction(1), ("A", NASH): Fraction(1)}
        self.vectors[name] = combine((1, self.mixture(rest)), (step.eta / (1 - own), payoff))
        self.queried.append(name)
        self.slots[step.into] = name

    def mixture(self, weights: Mapping[str, Fraction]) -> dict:
        """Return u of the geometric mixture of slots."""
        return combine(*((weight, self.vectors[self.slots[slot]]) for slot, weight in weights.items()))

    def _payoff(self, step: ExactStep) -> dict:
        """Return A times the opponent as weights over ("A", policy)."""
        if len(step.opponent) > 1 and not step.arithmetic:
            name = self._fresh("opponent")
            self.vectors[name] = self.mixture(step.opponent)
            parts = {name: Fraction(1)}
        else:
            parts = {}
            for slot, weight in step.opponent.items():
                held = self.slots[slot]
                parts[held] = parts.get(held, 0) + weight
        self.queried.extend(name for name in parts if name not in self.queried)
        return combine(
            (1, {("A", name): weight for name, weight in parts.items()}),
            (sum(parts.values()), {("A", NASH): Fraction(1)}),
        )

    def _fresh(self, slot: str) -> str:
        number = 1
        while f"{slot} {number}" in self.vectors:
            number += 1
        return f"{slot} {number}"

    def inner(self, vector: Mapping, p: str) -> Form:
        """Return <u, e_p> of a vector."""
        if p == NASH:
            return {}
        found: Form = {}
        for (kind, name), weight in vector.items():
            if kind == "u":
                form = {("m", name, p): Fraction(1)}
            else:
                form = {("h", p): Fraction(1)} if name == NASH else self.skew(name, p)
            found = combine((1, found), (weight, form))
        return found

    def skew(self, p: str, r: str) -> Form:
        """Return M_pr = <A e_p, e_r>."""
        if NASH in (p, r) or p == r:
            return {}
        return {("M", p, r): Fraction(1)} if p < r else {("M", r, p): Fraction(-1)}

    def kl(self, p: str, r: str) -> Form:
        """Return KL(p || r) = d_r - d_p + <u_p - u_r, e_p>."""
        form: Form = {} if r == NASH else {("d", r): Fraction(1)}
        if p == NASH:
            return form
        own = self.inner(self.vectors[p], p)
        other = {} if r == NASH else self.inner(self.vectors[r], p)
        return combine((1, form), (-1, {("d", p): Fraction(1)}), (1, own), (-1, other))

    def payoff(self, r: str, p: str) -> Form:
        """Return <A r, e_p> = M_rp + h_p."""
        return {} if p == NASH else combine((1, self.skew(r, p)), (1, {("h", p): Fraction(1)}))

    def difference(self, pair: tuple[str, str], other: tuple[str, str]) -> Form:
        """Return <A (a - b), c - d> for pairs (a, b) and (c, d)."""
        (a, b), (c, d) = pair, other
        return combine(
            (1, self.skew(a, c)), (-1, self.skew(a, d)), (-1, self.skew(b, c)), (1, self.skew(b, d))
        )


def read_first(iterations: Iterable[Iterable[ExactStep]]) -> list[str]:
    """Return the slots that are read before they are written, in the order of reading: the rule's state."""
    state, written = [], set()
    for steps in iterations:
        for step in steps:
            for slot in (*step.base, *step.opponent):
                if slot not in written and slot not in state:
                    state.append(slot)
            written.add(step.into)
    return state
