"""Preferences that count how often they are applied to a policy."""

from __future__ import annotations

import numpy as np

from ..preferences import DensePreference

_PRODUCTS = {np.dot, np.inner, np.vdot, np.tensordot, np.einsum}


class CountingArray(np.ndarray):
    """A matrix that counts its products with vectors, through views, transposes and arithmetic.

    Parameters
    ----------
    values : ndarray, shape (actions, actions)
    tally : list of int
        Its first entry is the count; every array made from this one shares it.
    """

    def __new__(cls, values, tally: list[int]):
        """Return a view of ``values`` that counts."""
        array = np.array(values).view(cls)
        array.tally = tally
        return array

    def __array_finalize__(self, parent):
        self.tally = getattr(parent, "tally", None)

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        if ufunc.signature is not None and method == "__call__":
            self._count(inputs)
            return ufunc(*map(_plain, inputs), **options)
        result = getattr(ufunc, method)(*map(_plain, inputs), **options)
        whole = isinstance(result, np.ndarray) and result.shape == self.shape
        return CountingArray(result, self.tally) if whole else result

    def __array_function__(self, function, types, args, options):
        if function in _PRODUCTS:
            self._count(args)
            return function(*map(_plain, args), **options)
        return super().__array_function__(function, types, args, options)

    def dot(self, other, out=None):
        """Return the product, counted."""
        return self @ other

    def _count(self, operands) -> None:
        others = [x for x in operands if isinstance(x, np.ndarray) and not isinstance(x, CountingArray)]
        self.tally[0] += max((x.shape[1] for x in others if x.ndim == 2), default=1)


def _plain(x):
    return np.asarray(x.view(np.ndarray)) if isinstance(x, CountingArray) else x


class CountingPreference(DensePreference):
    """A stored preference that counts the policies it is applied to.

    Parameters
    ----------
    preference : Preference
    """

    def __init__(self, preference):
        super().__init__(preference.dense())
        self.tally = [0]

    def margin(self, policy: np.ndarray) -> np.ndarray:
        """Return P(. ≻ policy) - 1/2, counted."""
        self.tally[0] += 1
        return super().margin(policy)
