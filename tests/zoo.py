"""Games that tests share, built without the catalogue so that it can be tested too."""

import numpy as np

from nashsim import PreferenceGame


def random_game(seed, actions=5, tau=0.2, contexts=1, reference="dirichlet", scale=1.0):
    """A game of uniform random preferences; ``scale`` < 1 shrinks them towards 1/2."""
    rng = np.random.default_rng(seed)
    upper = np.triu(rng.uniform(-0.5, 0.5, (contexts, actions, actions)), 1) * scale
    skew = upper - upper.transpose(0, 2, 1)
    mu = None if reference == "uniform" else rng.dirichlet(np.ones(actions), contexts)
    weights = rng.dirichlet(np.ones(contexts))
    return PreferenceGame(skew + 0.5, mu, tau=tau, weights=weights, name=f"random-{seed}")


def rock_paper_scissors(tau=0.2, reference=None, strength=1.0):
    """RPS with P = 1/2 ± strength/2."""
    skew = 0.5 * strength * np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]])
    return PreferenceGame(skew + 0.5, reference, tau=tau, labels=["rock", "paper", "scissors"], name="rps")


def damped_iteration(game, rounds=200_000, step=None):
    """pi* by brute force: the one-call map with a tiny step, typed out here, nothing imported."""
    tau = game.tau
    step = step or 2 * tau / (1 + 4 * tau**2)
    p, mu = game.probabilities, np.log(game.reference)
    log_pi = mu.copy()
    for _ in range(rounds):
        pi = np.exp(log_pi)
        new = (1 - step * tau) * log_pi + step * tau * mu + step * np.einsum("cij,cj->ci", p, pi)
        new -= np.log(np.exp(new).sum(axis=1, keepdims=True))
        if np.abs(new - log_pi).max() < 1e-15:
            break
        log_pi = new
    return log_pi
