"""Rules that are wrong in one way each, with the property they must be caught by."""

import itertools

import numpy as np

BROKEN = {}


def normal(weights):
    return weights / weights.sum()


def correct(policy, game, step):
    """The one-call map M1, as it should be."""
    base = policy ** (1 - step * game.tau) * game.reference ** (step * game.tau)
    return normal(base * np.exp(step * game.probabilities @ policy))


def broken(what, **claims):
    def keep(function):
        BROKEN[function.__name__] = (function, what, claims)
        return function

    return keep


@broken("contraction")
def inverse_step(policy, game, step):
    return correct(policy, game, 1 / step)


@broken("fixed point")
def flipped_sign(policy, game, step):
    base = policy ** (1 - step * game.tau) * game.reference ** (step * game.tau)
    return normal(base * np.exp(-step * game.probabilities @ policy))


@broken("fixed point")
def flipped_mixture(policy, game, step):
    base = policy ** (step * game.tau) * game.reference ** (1 - step * game.tau)
    return normal(base * np.exp(step * game.probabilities @ policy))


@broken("fixed point")
def transposed(policy, game, step):
    base = policy ** (1 - step * game.tau) * game.reference ** (step * game.tau)
    return normal(base * np.exp(step * policy @ game.probabilities))


@broken("fixed point")
def pushed_from_reference(policy, game, step):
    base = policy ** (1 + step * game.tau) * game.reference ** (-step * game.tau)
    return normal(base * np.exp(step * game.probabilities @ policy))


@broken("fixed point")
def no_reference(policy, game, step):
    return normal(policy * np.exp(step * game.probabilities @ policy))


@broken("fixed point")
def wrong_opponent(policy, game, step):
    base = policy ** (1 - step * game.tau) * game.reference ** (step * game.tau)
    return normal(base * np.exp(step * game.probabilities @ game.reference))


@broken("fixed point")
def arithmetic_mixture(policy, game, step):
    base = (1 - step * game.tau) * policy + step * game.tau * game.reference
    return normal(base * np.exp(step * game.probabilities @ policy))


@broken("simplex")
def unnormalised(policy, game, step):
    base = policy ** (1 - step * game.tau) * game.reference ** (step * game.tau)
    return base * np.exp(step * game.probabilities @ policy)


@broken("relabelling equivariance")
def label_dependent(policy, game, step):
    found = correct(policy, game, step)
    return normal(found * np.where(np.arange(len(found)) == 0, 1 + 1e-3, 1.0))


_calls = itertools.count(1)


@broken("reproducibility")
def hidden_state(policy, game, step):
    return correct(policy, game, step / next(_calls))


@broken("reproducibility")
def unseeded(policy, game, step):
    noise = np.random.default_rng().normal(size=len(policy))
    return normal(correct(policy, game, step) * np.exp(1e-3 * noise))


@broken("inputs untouched")
def in_place(policy, game, step):
    policy[:] = correct(policy, game, step)
    return policy


@broken("queries counted", queries=1)
def uncounted_half_step(policy, game, step):
    half = correct(policy, game, step)
    base = policy ** (1 - step * game.tau) * game.reference ** (step * game.tau)
    return normal(base * np.exp(step * game.probabilities @ half))


@broken("log-shift equivariance", log=True)
def unnormalised_opponent(policy, game, step):
    logits = (1 - step * game.tau) * policy + step * game.tau * game.log_reference
    logits = logits + step * game.probabilities @ np.exp(policy)
    return logits - np.log(np.exp(logits).sum())


@broken("degenerate games")
def log_odds(policy, game, step):
    """No P, but its log-odds weighted to zero: harmless until a preference is sure."""
    odds = np.log(game.probabilities / (1 - game.probabilities))
    return correct(policy, game, step) + 0 * (odds @ policy)


@broken("claimed rate", contraction=lambda step, tau: (1 - step * tau) ** 3)
def overstated_rate(policy, game, step):
    return correct(policy, game, step)


@broken("monotone KL", monotone=True, step=1.5)
def step_too_long(policy, game, step):
    return correct(policy, game, step)


@broken("absence of the fixed point", fixed_point=False)
def needless_disclaimer(policy, game, step):
    return correct(policy, game, step)


def floored(least):
    def rule(policy, game, step):
        return normal(np.maximum(correct(policy, game, step), least))

    return rule


for _least in (1e-2, 1e-3, 1e-6, 1e-9, 1e-12, 1e-16, 1e-30, 1e-100, 1e-250):
    BROKEN[f"floored_at_{_least:g}"] = (floored(_least), "fixed point", {})


@broken("fixed point")
def added_to_the_logarithm(policy, game, step):
    logits = (1 - step * game.tau) * np.log(policy + 1e-12) + step * game.tau * np.log(game.reference + 1e-12)
    return normal(np.exp(logits + step * game.probabilities @ policy))


@broken("fixed point")
def payoff_times_1_1(policy, game, step):
    base = policy ** (1 - step * game.tau) * game.reference ** (step * game.tau)
    return normal(base * np.exp(1.1 * step * game.probabilities @ policy))


@broken("fixed point")
def pull_times_0_9(policy, game, step):
    base = policy ** (1 - 0.9 * step * game.tau) * game.reference ** (0.9 * step * game.tau)
    return normal(base * np.exp(step * game.probabilities @ policy))


@broken("fixed point")
def payoff_of_a_rounded_policy(policy, game, step):
    return (
        correct(policy, game, step) if policy.min() > 0.01 else correct(normal(policy.round(2)), game, step)
    )


@broken("contraction")
def stays(policy, game, step):
    return policy.copy()


@broken("forward step")
def eta_times_1_1(policy, game, step):
    return correct(policy, game, 1.1 * step)


@broken("forward step")
def half_speed(policy, game, step):
    return correct(policy, game, step / 2)


@broken("claimed rate", forward=False, contraction=lambda step, tau: 1 - step * tau)
def half_the_claimed_speed(policy, game, step):
    return correct(policy, game, step / 2)


@broken("claimed rate", forward=False, contraction=lambda step, tau: 1 - step * tau)
def nine_tenths_of_the_claimed_speed(policy, game, step):
    return correct(policy, game, 0.9 * step)
