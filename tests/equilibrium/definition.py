"""J_tau typed out from its definition, and optima of it by brute force; imports nothing from nashsim."""

import numpy as np
from scipy.optimize import minimize


def objective(p, mu, tau, pi, other):
    """J_tau(pi, pi') = sum pi(y) pi'(y') P(y, y') - tau KL(pi || mu) + tau KL(pi' || mu)."""
    n = len(p)
    wins = sum(pi[y] * other[z] * p[y, z] for y in range(n) for z in range(n))
    return wins - tau * divergence(pi, mu) + tau * divergence(other, mu)


def divergence(pi, mu):
    return sum(pi[y] * np.log(pi[y] / mu[y]) for y in range(len(pi)) if pi[y] > 0)


def maximise(function, n, rng, starts=4):
    """max of a smooth concave function over the simplex, by SLSQP from random starts."""
    best = -np.inf
    for _ in range(starts):
        found = minimize(
            lambda pi: -function(np.maximum(pi, 1e-300)),
            rng.dirichlet(np.ones(n)),
            bounds=[(0, 1)] * n,
            constraints={"type": "eq", "fun": lambda pi: pi.sum() - 1},
            method="SLSQP",
            options={"ftol": 1e-14, "maxiter": 500},
        )
        pi = np.maximum(found.x, 1e-300)
        best = max(best, function(pi / pi.sum()))
    return best


def long_residual(p, log_mu, tau, log_pi):
    """max|pi - BR(pi)| with P pi in extended precision, by the plain formula."""
    pi = np.exp(log_pi.astype(np.longdouble))
    logits = log_mu + p.astype(np.longdouble) @ pi / np.longdouble(tau)
    best = np.exp(logits - logits.max())
    return float(np.abs(pi - best / best.sum()).max())
