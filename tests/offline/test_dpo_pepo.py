"""Policies from fixed duels: closed forms, and pessimism where coverage is thin."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from nashsim import NashsimError, games
from nashsim.data import PreferenceData
from nashsim.offline import offline_dpo, pepo, pepo_ensemble, tie_mass
from nashsim.online import DuelLog, Duels, RecordedVotes
from tests.zoo import rock_paper_scissors

#: One good response, one worse, and eight that are worse still.
REWARDS = np.array([1.0, 0.0] + [-0.5] * 8)
UNIFORM = np.log(np.full(10, 0.1))


def data_set(seed, thick, thin):
    """``thick`` duels between the first two, and ``thin`` of every other response against either of these."""
    rng = np.random.default_rng(seed)
    first = np.repeat(np.arange(10), [thick, 0] + [thin] * 8)
    second = np.where(first == 0, 1, rng.integers(0, 2, len(first)))
    won = rng.random(len(first)) < expit(REWARDS[first] - REWARDS[second])
    return DuelLog(np.zeros_like(first), first, second, won)


def test_thin_coverage_misleads_dpo_and_not_pepo():
    """Of 400 data sets DPO's favourite is one of the thin, bad responses far oftener.

    Both see the same data sets: the difference of the shares is held against four of its paired standard errors, and
    so is what the good response wins by against either policy.
    """
    picked, behind = np.zeros((400, 2)), np.zeros((400, 2))
    for seed in range(400):
        log = data_set(seed, 200, 3)
        for k, log_policy in enumerate((offline_dpo(log, UNIFORM, 0.4), pepo(log, UNIFORM, 0.4, seed=seed))):
            picked[seed, k] = log_policy[0].argmax() > 1
            behind[seed, k] = expit(1 - REWARDS) @ np.exp(log_policy[0]) - 0.5
    for values in (picked, behind):
        more = values[:, 0] - values[:, 1]
        assert more.mean() > 4 * more.std(ddof=1) / np.sqrt(400)
    assert picked[:, 0].mean() > 3 * picked[:, 1].mean()
    assert behind[:, 0].mean() > 1.5 * behind[:, 1].mean()


def test_members_agree_where_coverage_is_thick():
    """Rewards of a fifth of 8 x 20,000 duels err by about .02 for the thin ones: policies by that over beta, .05."""
    log = data_set(0, 20_000, 20_000)
    apart = np.exp(pepo(log, UNIFORM, 0.4)) - np.exp(offline_dpo(log, UNIFORM, 0.4))
    assert np.abs(apart).max() < 0.05


@pytest.mark.parametrize("parts", ["disjoint", "bootstrap"])
def test_pepo_is_the_least_of_its_members(parts):
    """Typed out from its members, whose rewards are offline_dpo's."""
    log = data_set(1, 30, 4)
    rng, n = np.random.default_rng(7), len(log.won)
    seen = np.array_split(rng.permutation(n), 3) if parts == "disjoint" else rng.integers(0, n, (3, n))
    members = [np.exp(offline_dpo(DuelLog(*(a[k] for a in log)), UNIFORM, 0.5)) for k in seen]
    least = np.min(members, axis=0)
    found = np.exp(pepo(log, UNIFORM, 0.5, members=3, parts=parts, seed=7))
    np.testing.assert_allclose(found, least / least.sum(), rtol=1e-9)
    most = np.max(members, axis=0)
    assert np.abs(found - most / most.sum()).max() > 0.05


def test_dpo_satisfies_its_first_order_condition():
    """beta log pi/mu, with its mean taken off, has no gradient left in the ridged DPO loss."""
    game = games.get("rps:strength=0.6").replace(tau=0.1, reference=[0.6, 0.3, 0.1])
    duels = Duels(game, seed=3)
    duels.round(game.log_reference, size=500)
    log_policy = offline_dpo(duels, game.log_reference, 0.5)
    r = 0.5 * (log_policy - game.log_reference)[0]
    r -= r.mean()
    log = duels.log
    slope = -0.1 * r
    for y, z, won in zip(log.first, log.second, log.won, strict=True):
        winner, loser = (y, z) if won else (z, y)
        if y != z:
            slope[winner] += expit(r[loser] - r[winner])
            slope[loser] -= expit(r[loser] - r[winner])
    np.testing.assert_allclose(slope, 0, atol=1e-6)
    flipped = DuelLog(log.contexts, log.first, log.second, ~log.won)
    assert np.abs(offline_dpo(flipped, game.log_reference, 0.5) - log_policy).max() > 0.1


def test_recorded_votes_and_absent_responses():
    data = PreferenceData.from_comparisons(
        ["x", "y", "z"], [[0, 8, 5], [2, 0, 6], [5, 4, 0]], np.zeros((3, 3)), name="votes"
    )
    votes = RecordedVotes(data, seed=1)
    votes.duel([0] * 10 + [1] * 10, [1] * 10 + [2] * 10)
    reference = np.array([np.log(0.5), np.log(0.5), -np.inf])
    policy = np.exp(pepo(votes, reference, 1.0, members=2))
    assert policy[0, 0] > 0.5 and policy[0, 2] == 0


def test_contexts_are_fitted_apart():
    one, two = data_set(1, 50, 3), data_set(2, 50, 3)
    both = DuelLog(*(np.concatenate(pair) for pair in zip(one, two, strict=True)))
    both = both._replace(contexts=np.repeat([0, 1], len(one.won)))
    found = offline_dpo(both, np.stack([UNIFORM, UNIFORM]), 0.4)
    for k, log in enumerate((one, two)):
        np.testing.assert_allclose(found[k], offline_dpo(log, UNIFORM, 0.4)[0], atol=1e-9)


@pytest.mark.parametrize(
    "wrong",
    [
        {"beta": 0.0},
        {"ridge": float("nan")},
        {"members": 0},
        {"members": 10**6},
        {"parts": "thirds"},
        {"reference": UNIFORM + 1},
    ],
)
def test_bad_arguments_are_named(wrong):
    settings = {"reference": UNIFORM, "beta": 0.4} | wrong
    with pytest.raises(NashsimError, match=next(iter(wrong))):
        pepo(data_set(0, 10, 1), **settings)


def test_bad_logs_are_named():
    with pytest.raises(NashsimError, match="log"):
        offline_dpo(Duels(games.get("rps").replace(tau=0.1)), np.log(np.full(3, 1 / 3)), 0.4)
    with pytest.raises(NashsimError, match="first"):
        offline_dpo(data_set(0, 10, 1), np.log([0.5, 0.5]), 0.4)


def test_the_reference_is_aligned_with_the_labels_of_the_environment():
    game = rock_paper_scissors()
    duels = Duels(game, seed=1)
    duels.round(game.reference, size=40)
    mu = pd.Series([0.5, 0.3, 0.2], game.labels)
    expected = offline_dpo(duels, np.log(mu.to_numpy()), beta=0.4)
    np.testing.assert_array_equal(offline_dpo(duels, mu.iloc[::-1], beta=0.4), expected)
    np.testing.assert_array_equal(offline_dpo(duels.log, mu.to_numpy(), beta=0.4), expected)
    np.testing.assert_array_equal(offline_dpo(duels.log, mu.set_axis(range(3)), beta=0.4), expected)
    with pytest.raises(NashsimError, match="reference: the labels 0, 1, 2 are needed, found rock"):
        pepo(duels.log, mu, beta=0.4)


def test_rejection_follows_the_normalised_minimum_and_can_come_back_empty_handed():
    """20,000 draws: shares within four of their standard errors, silence by (1 - Z)^tries."""
    ensemble = pepo_ensemble(data_set(1, 300, 60), UNIFORM, 0.5, members=3, seed=7)
    agreed = float(ensemble.agreement[0])
    assert agreed == pytest.approx(np.exp(ensemble.log_members).min(axis=0).sum(), rel=1e-12)
    assert 0.1 < agreed < 0.9
    for tries in (1, 3):
        drawn = ensemble.sample(20_000, tries=tries, seed=tries)
        silent = float(ensemble.silence(tries)[0])
        assert silent == pytest.approx((1 - agreed) ** tries, rel=1e-12)
        assert (drawn == -1).mean() == pytest.approx(silent, abs=4 * np.sqrt(silent * (1 - silent) / 20_000))
        expected = (1 - silent) * np.exp(ensemble.log_policy[0])
        found = np.array([(drawn == k).mean() for k in range(10)])
        assert (np.abs(found - expected) < 4 * np.sqrt(expected * (1 - expected) / 20_000) + 1e-9).all()
    with pytest.raises(NashsimError, match="tries"):
        ensemble.sample(1, tries=0)
    with pytest.raises(NashsimError, match="size, context"):
        ensemble.sample(1, context=7)


def test_ties_take_their_mass_and_leave_a_margin():
    """P(y beats z) = p/(p + theta q) with theta = (1 + alpha)^beta: three outcomes add up to one."""
    alpha, beta, d = 0.5, 2.0, 0.7
    p, q, theta = np.exp(d), 1.0, (1 + alpha) ** beta
    win, loss = p / (p + theta * q), q / (q + theta * p)
    assert tie_mass(d, alpha, beta) == pytest.approx(1 - win - loss, rel=1e-12)
    assert tie_mass(d, 0.0, beta) == pytest.approx(0, abs=1e-15)


def test_the_fit_with_ties_is_stationary_in_the_papers_loss():
    """-log sigmoid(beta (D(pi) - D(mu) - log(1 + alpha))): its gradient in the rewards, with the ridge, is zero."""
    log, alpha, beta = data_set(2, 60, 5), 0.3, 0.4
    log_policy = offline_dpo(log, UNIFORM, beta, ties=alpha)
    r = beta * (log_policy - UNIFORM)[0]
    r -= r.mean()
    slope = -0.1 * r
    for y, z, won in zip(log.first, log.second, log.won, strict=True):
        winner, loser = (y, z) if won else (z, y)
        lacking = expit(beta * np.log(1 + alpha) - (r[winner] - r[loser]))
        slope[winner] += lacking
        slope[loser] -= lacking
    np.testing.assert_allclose(slope, 0, atol=1e-8)
    # one sure win: without ties and with, the margin is all that differs
    assert offline_dpo(log, UNIFORM, beta)[0, 0] < log_policy[0, 0]
    with pytest.raises(NashsimError, match="ties: a finite number >= 0"):
        offline_dpo(log, UNIFORM, beta, ties=-0.1)


def test_old_places_still_lead_here():
    import nashsim.online
    import nashsim.online.offline

    for place in (nashsim.online, nashsim.online.offline):
        assert place.pepo is pepo and place.offline_dpo is offline_dpo
    with pytest.raises(AttributeError, match="nothing_here"):
        nashsim.online.nothing_here  # noqa: B018
