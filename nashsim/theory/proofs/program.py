"""The semidefinite program: multipliers of inequalities whose sum is what is to be proved.

For every part of a proof, target + constant = sum_i multiplier_i (linear_i + quadratic_i) + S(N) + E(N) as polynomials,
with multipliers >= 0, S positive semidefinite and E with nonnegative entries, N the distances and the number 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import scipy.sparse as sp

from .inequalities import UNIT, Distance, Inequality
from .policies import Execution, Form, combine

#: Accuracy that the solver is asked for; its answer is a guess that exact arithmetic confirms or does not.
#: Parameters of a program that are none of the proof.
INNER = ("margin", "gap")
_ACCURACY = {"tol_gap_abs": 1e-11, "tol_gap_rel": 1e-11, "tol_feas": 1e-11, "max_iter": 200}


@dataclass(frozen=True)
class Part:
    """One inequality to prove: sum_k parameter_k (targets[k] + factor scaled[k] + constants[k]) >= 0.

    Attributes
    ----------
    name : str
    execution : Execution
    inequalities : list of Inequality
        What may be used.
    targets, scaled : dict of str to Form
        By parameter; "" is what no parameter multiplies.
    constants : dict of str to Fraction
        The constant term, likewise.
    """

    name: str
    execution: Execution
    inequalities: list[Inequality]
    targets: dict[str, Form]
    scaled: dict[str, Form] = field(default_factory=dict)
    constants: dict[str, Fraction] = field(default_factory=dict)

    def at(self, factor: Fraction, parameters: dict[str, Fraction]) -> tuple[Form, Fraction]:
        """Return the target and the constant at given numbers."""
        values = {"": Fraction(1), **parameters}
        forms = [(values[name], form) for name, form in self.targets.items()]
        forms += [(values[name] * factor, form) for name, form in self.scaled.items()]
        constant = sum((values[name] * c for name, c in self.constants.items()), Fraction(0))
        return combine(*forms), constant


@dataclass(frozen=True)
class Answer:
    """What the solver found, in floats.

    Attributes
    ----------
    value : float
        Value of the objective.
    parameters : dict of str to float
    multipliers : dict of str to ndarray
        By part, in the order of its inequalities.
    nonnegative : dict of str to ndarray, shape (distances, distances)
        E by part, symmetric with a zero diagonal.
    """

    value: float
    parameters: dict[str, float]
    multipliers: dict[str, np.ndarray]
    nonnegative: dict[str, np.ndarray]


class Matrices:
    """A part as matrices: its scalars and distances numbered, its inequalities as columns.

    Parameters
    ----------
    part : Part

    Attributes
    ----------
    distances : list of Distance
        Those of the quadratic form, in order.
    kept : ndarray of int
        The inequalities whose multiplier can be above zero; the others cancel nowhere.
    """

    def __init__(self, part: Part):
        self.part = part
        every = part.inequalities
        forms = [*part.targets.values(), *part.scaled.values()]
        scalars = sorted({key for form in [*forms, *(i.linear for i in every)] for key in form})
        self.scalars = {key: k for k, key in enumerate(scalars)}
        found = {d for i in every for pair in i.quadratic for d in pair}
        self.distances: list[Distance] = sorted(found | ({UNIT} if part.constants else set()))
        self.linear = self._columns([i.linear for i in every])
        self.kept = self._possible(self._columns(forms))
        self.linear = self.linear[:, self.kept]
        self.quadratic = self._squares([every[k].quadratic for k in self.kept])

    def column(self, form: Form) -> np.ndarray:
        """Return a form as a dense vector over the scalars."""
        return self._columns([form]).toarray()[:, 0]

    def _columns(self, forms: Sequence[Form]) -> sp.csc_matrix:
        entries = [
            (self.scalars[key], k, float(v)) for k, form in enumerate(forms) for key, v in form.items()
        ]
        rows, columns, values = zip(*entries, strict=True) if entries else ((), (), ())
        return sp.csc_matrix((values, (rows, columns)), shape=(len(self.scalars), len(forms)))

    def _squares(self, forms: Sequence[dict]) -> sp.csc_matrix:
        place = {d: k for k, d in enumerate(self.distances)}
        size = len(place)
        entries = [
            (at, k, float(value) / 2)
            for k, form in enumerate(forms)
            for (one, other), value in form.items()
            for at in (place[one] * size + place[other], place[other] * size + place[one])
        ]
        rows, columns, values = zip(*entries, strict=True) if entries else ((), (), ())
        return sp.csc_matrix((values, (rows, columns)), shape=(size * size, len(forms)))

    def _possible(self, targets: sp.csc_matrix) -> np.ndarray:
        """Return the inequalities with a multiplier above zero in some identity, by one linear programme."""
        from scipy.optimize import linprog

        count, free = self.linear.shape[1], targets.shape[1]
        equal = sp.hstack([self.linear, targets, sp.csc_matrix((len(self.scalars), count))])
        below = sp.hstack([-sp.identity(count), sp.csc_matrix((count, free)), sp.identity(count)])
        cost = np.concatenate([np.zeros(count + free), -np.ones(count)])
        bounds = [(0, None)] * count + [(None, None)] * free + [(0, 1)] * count
        zeros = np.zeros(equal.shape[0])
        result = linprog(cost, A_eq=equal, b_eq=zeros, A_ub=below, b_ub=np.zeros(count), bounds=bounds)
        return np.flatnonzero(result.x[:count] > 1e-6)

    def off_diagonal(self) -> sp.csc_matrix:
        """Return the map from entries above the diagonal to symmetric matrices, flattened."""
        size = len(self.distances)
        rows, columns = np.triu_indices(size, 1)
        places = np.concatenate([rows * size + columns, columns * size + rows])
        entries = np.tile(np.arange(len(rows)), 2)
        return sp.csc_matrix((np.ones(len(places)), (places, entries)), shape=(size * size, len(rows)))


class Program:
    """Minimise a linear objective of the parameters over all proofs of all parts.

    The parameter "margin" is subtracted from every eigenvalue of S and every multiplier, "gap" from eigenvalues only.

    Parameters
    ----------
    parts : sequence of Matrices
    bounds : dict of str to (low, high)
        Ends of every parameter; None is unbounded. Equal ends fix it. "factor" among them makes the factor a parameter,
        where no other one multiplies it.
    objective : dict of str to float
    sums : sequence of dict of str to float
        Combinations of parameters that are 1.
    """

    def __init__(
        self,
        parts: Sequence[Matrices],
        bounds: dict[str, tuple[float | None, float | None]],
        objective: dict[str, float],
        sums: Sequence[dict[str, float]] = (),
    ):
        import cvxpy as cp

        self._parts = parts
        self._factor = cp.Parameter(nonneg=True)
        self._theta = {name: cp.Variable() for name in bounds}
        value = {"": 1.0, **self._theta}
        factor = value.get("factor", self._factor)
        margin = value.get("margin", 0.0)
        gap = margin + value.get("gap", 0.0)
        limits = [
            sign * variable >= sign * bounds[name][side]
            for name, variable in self._theta.items()
            for side, sign in ((0, 1), (1, -1))
            if bounds[name][side] is not None
        ]
        limits += [sum(w * value[name] for name, w in combination.items()) == 1 for combination in sums]
        self._used, self._entries = [], []
        for m in parts:
            size = len(m.distances)
            used, square = cp.Variable(len(m.kept)), cp.Variable((size, size), PSD=True)
            target = sum(value[name] * m.column(form) for name, form in m.part.targets.items())
            target = target + factor * sum(
                value[name] * m.column(form) for name, form in m.part.scaled.items()
            )
            form = -(m.quadratic @ used) - gap * np.eye(size).ravel()
            for name, constant in m.part.constants.items():
                unit = np.zeros(size * size)
                unit[m.distances.index(UNIT) * (size + 1)] = float(constant)
                form = form + value[name] * unit
            entry = cp.Variable(max(1, size * (size - 1) // 2), nonneg=True)
            if size > 1:
                form = form - m.off_diagonal() @ entry
            limits += [used >= margin, m.linear @ used == target, cp.vec(square, order="C") == form]
            self._used.append(used), self._entries.append(entry)
        wanted = sum(w * value[name] for name, w in objective.items())
        self._problem = cp.Problem(cp.Minimize(wanted), limits)

    def solve(self, factor: float | None = None) -> Answer | None:
        """Return what the solver finds at a factor, good or not; None where it finds nothing."""
        self._factor.value = 0.0 if factor is None else float(factor)
        if not _solved(self._problem):
            return None
        multipliers, nonnegative = {}, {}
        for m, used, entry in zip(self._parts, self._used, self._entries, strict=True):
            every = np.zeros(len(m.part.inequalities))
            every[m.kept] = np.maximum(used.value, 0)
            size = len(m.distances)
            square = np.zeros((size, size))
            if size > 1:
                square = (m.off_diagonal() @ np.maximum(entry.value, 0)).reshape(size, size)
            multipliers[m.part.name], nonnegative[m.part.name] = every, square
        found = {name: float(variable.value) for name, variable in self._theta.items()}
        return Answer(float(self._problem.value), found, multipliers, nonnegative)


def _solved(problem) -> bool:
    """Whether the solver came back with numbers, good or not."""
    import warnings

    import cvxpy as cp

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            problem.solve(solver=cp.CLARABEL, **_ACCURACY)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:  # noqa: B036 - a Rust panic near infeasibility is no Exception
        return False
    return problem.status in ("optimal", "optimal_inaccurate") and problem.value is not None
