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


def optimistic(P, mu, tau, pi, eta, b):
    # pi exp(eta ((1 + b) r_t - b r_{t-1})) pulled to mu; the payoff before the first is that of the first policy
    before = _payoff(P, pi)
    while True:
        r = _payoff(P, pi)
        payoff = (1 + b) * r - b * before
        pi = _normalised(pi ** (1 - eta * tau) * mu ** (eta * tau) * np.exp(eta * payoff))
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


def _climbed(P, mu, tau, pi, opponent, t=None, centre=None):
    """grad_theta E_{y ~ pi}[P(y > opponent) - tau log pi/mu - t log pi/centre] with the bracket held fixed."""
    bracket = _payoff(P, opponent) - 0.5 - tau * np.log(pi / mu)
    if centre is not None:
        bracket = bracket - t * np.log(pi / centre)
    gradient = np.zeros(len(pi))
    for y in range(len(pi)):
        score = -pi.copy()  # grad log pi(y) = e_y - pi
        score[y] += 1
        gradient += pi[y] * bracket[y] * score
    return gradient


def _moved(pi, direction, rate):
    return _normalised(np.exp(np.log(pi) + rate * direction))


def nash_md_pg(P, mu, tau, pi, eta, b):
    # y ~ pi, y' ~ pi^(1-b) mu^b, no gradient through y'
    opponent = _normalised(pi ** (1 - b) * mu**b)
    return _moved(pi, _climbed(P, mu, tau, pi, opponent), eta)


def ipo_loss(P, mu, tau, logits, sampling):
    """E (D(pi) - D(mu) - 1/(2 tau))^2 over y, y' ~ sampling, the winner of each duel first."""
    pi = _normalised(np.exp(logits))
    ratio = np.log(pi / mu)
    return sum(
        sampling[y] * sampling[z] * P[y, z] * (ratio[y] - ratio[z] - 1 / (2 * tau)) ** 2
        + sampling[y] * sampling[z] * P[z, y] * (ratio[z] - ratio[y] - 1 / (2 * tau)) ** 2
        for y in range(len(pi))
        for z in range(len(pi))
    )


def ipo_gradient(P, mu, tau, logits, sampling):
    """Its derivative in the logits, term by term: d/dtheta D(pi) = e_winner - e_loser."""
    ratio = np.log(_normalised(np.exp(logits)) / mu)
    gradient = np.zeros(len(logits))
    for y in range(len(logits)):
        for z in range(len(logits)):
            for winner, loser, chance in ((y, z, P[y, z]), (z, y, P[z, y])):
                slope = (
                    2 * sampling[y] * sampling[z] * chance * (ratio[winner] - ratio[loser] - 1 / (2 * tau))
                )
                gradient[winner] += slope
                gradient[loser] -= slope
    return gradient


def ipo_md(P, mu, tau, pi, learning_rate, b):
    sampling = _normalised(pi ** (1 - b) * mu**b)
    return _moved(pi, -ipo_gradient(P, mu, tau, np.log(pi), sampling), learning_rate)


def nash_mp_sgd(P, mu, tau, pi, eta, s, inner):
    target, half, t = pi, pi, 0
    while True:
        half = _moved(half, _climbed(P, mu, tau, half, target, t=tau / s, centre=target), eta)
        pi = _moved(pi, _climbed(P, mu, tau, pi, half, t=tau / s, centre=target), eta)
        t += 1
        if t % inner == 0:
            target = half = pi
        yield pi


def nash_prox_sgd(P, mu, tau, pi, eta, s, decay):
    target = pi
    while True:
        pi = _moved(pi, _climbed(P, mu, tau, pi, pi, t=tau / s, centre=target), eta)
        target = _normalised(target**decay * pi ** (1 - decay))
        yield pi


def dno_prct(P, pi, b, margin, ridge):
    """argmax E log sigma(b D(pi+/pi)) - ridge |b log pi+/pi|^2/2 over pairs whose better one leads by the margin.

    Stationary where ridge times a score is its sum of sigma(-lead); a contraction for a large ridge.
    """
    rates = _payoff(P, pi)
    n = len(pi)
    score = np.zeros(n)
    for _ in range(500):
        pulled = np.zeros(n)
        for y in range(n):
            for z in range(n):
                if rates[y] - rates[z] >= margin:
                    # (y, z) and (z, y) are both drawn, and either way y is the better one
                    pulled[y] += 2 * pi[y] * pi[z] / (1 + np.exp(score[y] - score[z]))
                    pulled[z] -= 2 * pi[y] * pi[z] / (1 + np.exp(score[y] - score[z]))
        score = pulled / ridge
    return _normalised(pi * np.exp(score / b))
