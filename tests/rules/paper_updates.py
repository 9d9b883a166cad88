"""Each update typed by hand from its paper, in probabilities, importing nothing of the package.

P[y, z] is the probability that y is preferred to z; each function does one
iteration t = 0, 1, ... and returns the new policy.
"""

import numpy as np


def _normalised(weights):
    return weights / weights.sum()


def _payoff(P, opponent):
    return np.array([sum(P[y, z] * opponent[z] for z in range(len(opponent))) for y in range(len(opponent))])


def nash_md(P, mu, tau, pi, eta):
    mixture = _normalised(pi ** (1 - eta * tau) * mu ** (eta * tau))
    return _normalised(mixture * np.exp(eta * _payoff(P, mixture)))


def nash_md_schedule(P, mu, tau, pi, t):
    return nash_md(P, mu, tau, pi, 2 / (tau * (t + 2)))


def omd(P, mu, tau, pi, eta):
    # argmax <P pi, q> - tau KL(q || mu) linearised: the closed form of the KL-prox
    return _normalised(pi ** (1 - eta * tau) * mu ** (eta * tau) * np.exp(eta * _payoff(P, pi)))


def inpo(P, mu, tau, pi, eta_inverse):
    # pi^(1 - tau/eta) mu^(tau/eta) exp(P(y > pi)/eta), eta as the paper prints it
    exponent = tau / eta_inverse
    return _normalised(pi ** (1 - exponent) * mu**exponent * np.exp(_payoff(P, pi) / eta_inverse))


def inpo_schedule(P, mu, tau, pi, t):
    return inpo(P, mu, tau, pi, tau * (t + 2) / 2)


def mmd(P, mu, tau, pi, e):
    # z+ = argmin e (<-P pi, z> + tau KL(z || mu)) + KL(z || pi)
    return _normalised((pi * mu ** (e * tau) * np.exp(e * _payoff(P, pi))) ** (1 / (1 + e * tau)))


def nash_mp(P, mu, tau, pi, s):
    # pi_half = argmax P(q > pi) - tau KL(q || mu) - (tau/s) KL(q || pi), then the same against pi_half
    def proximal(opponent):
        return _normalised(
            (pi ** (tau / s) * mu**tau * np.exp(_payoff(P, opponent))) ** (1 / (tau + tau / s))
        )

    return proximal(proximal(pi))


def egpo(P, mu, tau, pi, eta):
    half = _normalised(pi ** (1 - eta * tau) * mu ** (eta * tau) * np.exp(eta * _payoff(P, pi)))
    return _normalised(pi ** (1 - eta * tau) * mu ** (eta * tau) * np.exp(eta * _payoff(P, half)))
