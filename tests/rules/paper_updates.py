"""Each update typed by hand from its paper, in probabilities, importing nothing of the package.

P[y, z] is the probability that y is preferred to z. Most functions do one
iteration t = 0, 1, ... and return the new policy; those with a memory are
generators of the policies after each iteration.
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


def each(update):
    """The generator of a rule without memory, from its update ``(P, mu, tau, pi, t)``."""

    def path(P, mu, tau, pi):
        t = 0
        while True:
            pi = update(P, mu, tau, pi, t)
            t += 1
            yield pi

    return path


def weights_update(P, pi, eta):
    # SPO and SPPO: pi exp(eta P(y > pi)); DNO: pi exp(P(y > pi)/eta_I)
    return _normalised(pi * np.exp(eta * _payoff(P, pi)))


def onpo(P, pi, eta):
    # pi_t = leader exp(eta r_{t-1}), leader+ = leader exp(eta r_t); no payoff is known before the first step
    leader = pi
    while True:
        r = _payoff(P, pi)
        leader = _normalised(leader * np.exp(eta * r))
        pi = _normalised(leader * np.exp(eta * r))
        yield pi


def omwu(P, pi, eta):
    before = np.zeros(len(pi))
    while True:
        r = _payoff(P, pi)
        pi = _normalised(pi * np.exp(eta * (2 * r - before)))
        before = r
        yield pi


def refreshed(inner_update, P, mu, pi, inner):
    # inner_update(P, reference, pi); the reference becomes the iterate every `inner` steps
    reference, t = mu, 0
    while True:
        pi = inner_update(P, reference, pi)
        t += 1
        if t % inner == 0:
            reference = pi
        yield pi


def nash_prox(P, mu, tau, pi, s, inner):
    centre, t = pi, 0
    while True:
        pi = _normalised((centre ** (tau / s) * mu**tau * np.exp(_payoff(P, pi))) ** (1 / (tau + tau / s)))
        t += 1
        if t % inner == 0:
            centre = pi
        yield pi


def mnpo(P, pi, eta, players):
    history = [pi] * (players - 1)
    while True:
        logs = np.mean([np.log(past) for past in history], axis=0)
        payoff = np.mean([_payoff(P, past) for past in history], axis=0)
        pi = _normalised(np.exp(logs + eta * payoff))
        history = [pi, *history[:-1]]
        yield pi


def nash_ema(P, mu, tau, pi, eta, decay):
    average = pi
    while True:
        pi = _normalised(pi ** (1 - eta * tau) * mu ** (eta * tau) * np.exp(eta * _payoff(P, average)))
        average = _normalised(average**decay * pi ** (1 - decay))
        yield pi


def best_response(P, mu, tau, opponent):
    return _normalised(mu * np.exp(_payoff(P, opponent) / tau))
