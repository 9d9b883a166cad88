"""KL(pi || mu) from responses drawn from pi, by estimators with names."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nashsim.errors import NashsimError

#: The mean of log pi/mu; unbiased, of either sign.
K1 = "k1"
#: The mean of mu/pi - 1 - log mu/pi; unbiased, never negative, with a heavy tail where mu far exceeds pi.
K3 = "k3"


class KLEstimate(NamedTuple):
    """KL(pi || mu) in nats a response.

    Attributes
    ----------
    value, error : float
        Mean and its standard error, see ``standard_error``.
    estimator : str
        Name of the estimator.
    responses : int
        Number of responses.
    """

    value: float
    error: float
    estimator: str
    responses: int


def kl_to_reference(log_policy, log_reference, estimator: str = K1) -> KLEstimate:
    """Return E_{y ~ pi}[log pi(y)/mu(y)] from responses drawn from pi.

    Parameters
    ----------
    log_policy, log_reference : array_like, shape (responses,) or (prompts, samples)
        Log-probabilities of whole responses, EOS included.
    estimator : {"k1", "k3"}
        Estimator. ``"k1"``: the mean of log pi/mu. ``"k3"``: the mean of r - 1 - log r, r = mu/pi; E_pi[r] = 1 makes
        both unbiased where mu's support lies within pi's [derived].

    Raises
    ------
    NashsimError
        For another estimator, shapes that differ, or fewer than two responses.

    Examples
    --------
    >>> kl_to_reference(np.log([0.5, 0.5]), np.log([0.25, 0.5])).value.round(4)
    np.float64(0.3466)
    """
    log_ratio = np.asarray(log_policy, float) - np.asarray(log_reference, float)
    if np.shape(log_policy) != np.shape(log_reference) or log_ratio.ndim not in (1, 2) or log_ratio.size < 2:
        raise NashsimError(
            f"log_policy, log_reference: two responses at least, of one shape, are needed, found"
            f" {np.shape(log_policy)} and {np.shape(log_reference)}"
        )
    if estimator not in (K1, K3):
        raise NashsimError(f"estimator: {K1!r} or {K3!r} is needed, found {estimator!r}")
    terms = log_ratio if estimator == K1 else np.expm1(-log_ratio) + log_ratio
    return KLEstimate(terms.mean(), standard_error(terms), estimator, terms.size)


def standard_error(values: np.ndarray) -> float:
    """Return the standard error of a mean over prompts, whose several samples share what is the prompt's.

    That of the means of prompts; of a single prompt, or of one axis, that of all values.

    Parameters
    ----------
    values : ndarray, shape (prompts, samples) or (values,)
        Two at least.
    """
    drawn = values.mean(axis=1) if len(values) > 1 and values.ndim == 2 else values.ravel()
    return float(drawn.std(ddof=1) / np.sqrt(len(drawn)))
