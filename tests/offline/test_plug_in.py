"""The plug-in Nash of fixed logs: its exact error, its constant, coverage, classes that cannot be right, real votes."""

import numpy as np
import pytest

from nashsim import NashsimError, PreferenceGame, exploitability, games, solve
from nashsim.data import PreferenceData
from nashsim.offline import (
    Bandit,
    concentrability,
    error_constant,
    fit_preference,
    lower_bound,
    misspecification,
    pair_policies,
    pair_shares,
    plug_in,
    population_floor,
    run_offline,
    saddle_point,
    votes_log,
)
from nashsim.offline.logs import wins_of
from nashsim.online import DuelLog, Duels
from tests.zoo import random_game

WORDS = ("kl", "chi2", "forward-kl", "mixed", "tsallis:1.5")


def sampled(game, duels, seed=0, pairs="uniform"):
    return Duels(game, seed).round(*pair_policies(game, pairs), size=duels)


@pytest.mark.parametrize("word", WORDS)
def test_the_error_is_the_divergence_of_the_conjugate(word):
    """exploitability = tau D_{R*}(P pi/tau, P_hat pi/tau), typed out as R* at one less its tangent at the other."""
    game = random_game(3, actions=6, tau=0.3).replace(regulariser=word)
    fitted = plug_in(sampled(game, 400), game.log_reference, 0.3, regulariser=word)
    policy = np.exp(fitted.log_policy[0])
    true, seen = (np.asarray(g.probabilities[0]) @ policy for g in (game, fitted.game))

    def conjugate(values):
        best = np.exp(game.log_response(values[None]))[0]
        ratio = best / game.reference[0]
        return best @ values - 0.3 * (game.reference[0] * game.regulariser.generator(ratio)).sum()

    expected = conjugate(true) - conjugate(seen) - policy @ (true - seen)
    # a difference of numbers near 1, each exact to rounding
    assert exploitability(game, fitted.log_policy)[0] == pytest.approx(expected, abs=1e-14)
    assert expected > 1e-4


def test_the_bound_by_the_span_is_tight_where_two_halves_differ():
    """KL: exploitability <= span((P_hat - P) pi)^2/(8 tau), Hoeffding's lemma; nearly met by two even responses."""
    for seed in range(40):
        game = random_game(seed, actions=4, tau=0.2)
        fitted = plug_in(sampled(game, 60, seed), game.log_reference, 0.2)
        error = (fitted.game.probabilities - game.probabilities)[0] @ np.exp(fitted.log_policy[0])
        assert exploitability(game, fitted.log_policy)[0] <= np.ptp(error) ** 2 / (8 * 0.2) + 1e-15
    game = PreferenceGame([[0.5, 0.51], [0.49, 0.5]], tau=0.5)
    estimate = solve(game.replace(preference=[[0.5, 0.5], [0.5, 0.5]]))
    assert exploitability(game, estimate)[0] == pytest.approx(0.01**2 / (8 * 0.5), rel=1e-4)


@pytest.mark.parametrize(
    "word",
    ["kl", pytest.param("chi2", marks=pytest.mark.slow), pytest.param("forward-kl", marks=pytest.mark.slow)],
)
def test_the_constant_of_one_over_n(word):
    """n E exploitability: 400 logs of 16,000 duels; sd of a weighted chi-square is at most sqrt 2 of its mean.

    Four standard errors are 4 sqrt(2/400) = .28; terms of the next order are of the size of one error of pi,
    .01/tau = .05.
    """
    game = games.get("biased-rps").replace(tau=0.2, reference=[0.5, 0.3, 0.2], regulariser=word)
    first, second = pair_policies(game, "uniform")
    predicted = error_constant(game, pair_shares(game, first, second))
    rng, duels = np.random.default_rng(5), 16_000
    shares = pair_shares(game, first, second)[0]
    upper = np.triu_indices(3, 1)
    chance = np.append(shares[upper], 1 - shares[upper].sum())
    counts = rng.multinomial(duels, chance, 400)[:, :3]
    won = rng.binomial(counts, game.probabilities[0][upper])
    wins = np.zeros((400, 3, 3))
    wins[:, upper[0], upper[1]], wins[:, upper[1], upper[0]] = won, counts - won
    stack = PreferenceGame(
        fit_preference(wins), game.reference, 0.2, regulariser=word
    )  # a context a log, which the solver treats apart
    found = solve(stack).log_policy
    mean = np.mean([exploitability(game, policy[None])[0] for policy in found]) * duels
    assert mean == pytest.approx(predicted, rel=0.28 + 0.05)


def test_pairs_that_are_never_compared_leave_an_infinite_constant_where_they_count():
    game = games.get("rps").replace(tau=0.1)
    shares = pair_shares(game, *pair_policies(game, "uniform"))
    shares[0, 0, 1] = shares[0, 1, 0] = 0
    covered = concentrability(game, shares)
    assert all(np.isinf(value) for value in covered)
    # chi2 drops the worst response: pairs among dropped responses are asked by nobody
    rewards = np.array([0.9, 0.8, 0.1, 0.0])
    transitive = PreferenceGame(0.5 + (rewards[:, None] - rewards) / 2, tau=0.05, regulariser="chi2")
    assert (np.exp(solve(transitive).log_policy[0]) > 0).tolist() == [True, True, False, False]
    shares = pair_shares(transitive, *pair_policies(transitive, "uniform"))
    shares[0, 2, 3] = shares[0, 3, 2] = 0
    assert np.isfinite(error_constant(transitive, shares))
    assert np.isfinite(concentrability(transitive, shares).single_policy)


def test_coverage_of_the_equilibrium_alone_misses_who_beats_it():
    """chi2, a support of two: from pairs within it nobody learns that the third response beats both."""
    wins = np.array([[0.5, 0.55, 0.9], [0.45, 0.5, 0.9], [0.1, 0.1, 0.5]])
    game = PreferenceGame(wins, tau=0.05, regulariser="chi2")
    assert np.exp(solve(game).log_policy[0])[2] == 0
    gaps = {}
    for pairs in ("unilateral", "single-policy"):
        frame = run_offline(game, "plug-in", duels=4000, pairs=pairs, seeds=8)
        gaps[pairs] = frame[frame.metric == "duality_gap"].value.mean()
    between = [pair_policies(game, f"unilateral:{share}")[1] for share in (0, 0.25, 1)]
    ends = [np.exp(pair_policies(game, pairs)[1]) for pairs in ("single-policy", "unilateral")]
    np.testing.assert_allclose(
        np.exp(between), [ends[0], 0.75 * ends[0] + 0.25 * ends[1], ends[1]], atol=1e-15
    )
    for wrong in ("unilateral:2", "unilateral:x", "uniform:1"):
        with pytest.raises(NashsimError, match="unilateral needs a share|distribution of pairs"):
            pair_policies(game, wrong)
    # single-policy pairs take the third for an equal of both: a gap of order one, at any number of duels
    assert gaps["unilateral"] < 0.01 < 0.1 < gaps["single-policy"]


def test_models_that_hold_the_truth_reproduce_it():
    rng = np.random.default_rng(0)
    rewards = rng.normal(size=5)
    strengths = 1 / (1 + np.exp(rewards - rewards[:, None]))
    left = rng.normal(size=(5, 2)) / 4
    skew = left @ np.array([[0, 1.0], [-1, 0]]) @ left.T
    uneven = rng.uniform(0.2, 1, (5, 5))
    uneven = uneven + uneven.T
    for model, truth, close in (("bradley-terry", strengths, 1e-4), ("low-rank:2", 0.5 + skew, 1e-6)):
        error, fitted = misspecification(truth[None], uneven[None] / uneven.sum(), model)
        assert error < close and np.abs(fitted[0] - truth).max() < 10 * close
    # rank 4 of five responses is everything
    cyclic = random_game(2, actions=5, tau=0.1).probabilities
    assert misspecification(cyclic, uneven[None] / uneven.sum(), "low-rank:4")[0] < 1e-8
    assert misspecification(cyclic, uneven[None] / uneven.sum(), "low-rank:2")[0] > 0.01


def test_low_rank_with_even_counts_is_the_best_cut():
    """Eckart and Young: the squared error is the sum of the squares of the singular values left out."""
    # half of the margins, so that no cut leaves [0, 1]
    cyclic = 0.25 + random_game(4, actions=6, tau=0.1).probabilities / 2
    # the diagonal of a skew matrix is known to be 0: counted as the others are
    fitted = fit_preference(cyclic * np.ones((6, 6)), "low-rank:2")[0]
    values = np.linalg.svd(cyclic[0] - 0.5, compute_uv=False)
    assert ((fitted - cyclic[0]) ** 2).sum() == pytest.approx((values[2:] ** 2).sum(), rel=1e-9)


def test_a_wrong_class_ends_at_its_floor():
    """Bradley-Terry on the biased cycle: logs of 200,000 duels are within 2 % of the gap of the population's fit."""
    game = games.get("biased-rps").replace(tau=0.1)
    shares = pair_shares(game, *pair_policies(game, "uniform"))
    error, floor = population_floor(game, shares, "bradley-terry")
    log = sampled(game, 200_000)
    found = (
        2 * exploitability(game, plug_in(log, game.log_reference, 0.1, model="bradley-terry").log_policy)[0]
    )
    assert error > 0.05 and floor > 0.05
    assert found == pytest.approx(floor, rel=0.05)  # four errors of a reward, .01, over tau
    right = plug_in(log, game.log_reference, 0.1)
    assert 2 * exploitability(game, right.log_policy)[0] < floor / 100


def typed_response(word, mu, values):
    """max_pi pi·v - R(pi) typed out: mu e^{v - l}, mu (1 + v - l)_+, mu/(1 - v + l), l by bisection."""
    inverse = {
        "kl": np.exp,
        "chi2": lambda v: np.maximum(1 + v, 0),
        "forward-kl": lambda v: 1 / np.where(v < 1, 1 - v, 1e-300),
    }[word]
    low, high = values.max() - 1e3, values.max()
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if mu @ inverse(values - middle) > 1 else (low, middle)
    return mu * inverse(values - high)


@pytest.mark.parametrize("tau", [0.02, 0.2])
@pytest.mark.parametrize("word", ["kl", "chi2", "forward-kl"])
def test_the_saddle_point_is_both_players_best_response(tau, word):
    rng = np.random.default_rng(1)
    payoff, log_mu = rng.uniform(size=(5, 5)), np.log([0.4, 0.3, 0.2, 0.1, 1e-300])
    log_mu[-1] = -np.inf
    mine, theirs = (np.exp(part) for part in saddle_point(payoff, log_mu, tau, word))
    for policy, values in ((mine, payoff @ theirs), (theirs, -payoff.T @ mine)):
        np.testing.assert_allclose(policy, typed_response(word, np.exp(log_mu), values / tau), atol=1e-11)
    game = random_game(7, actions=5, tau=tau).replace(regulariser=word)
    both = saddle_point(game.probabilities[0], game.log_reference[0], tau, word)
    for part in both:
        np.testing.assert_allclose(np.exp(part), solve(game).probabilities[0], atol=1e-10)


@pytest.mark.parametrize("word", ["chi2", "mixed", "forward-kl", "tsallis:1.5"])
def test_pessimism_under_any_regulariser_has_the_best_guarantee(word):
    """No other policy has a larger min over pi' of J under the lower bounds, computed by the best response."""
    game = games.get("biased-rps").replace(tau=0.2, reference=[0.5, 0.3, 0.2], regulariser=word)
    log = sampled(game, 60)
    found = plug_in(log, game.log_reference, 0.2, regulariser=word, pessimism=1.0)
    wins = wins_of(log, (1, 3))
    lower = lower_bound(wins, fit_preference(wins), 1.0)[0]

    def cost(policy):
        return 0.2 * game.reference[0] @ game.regulariser.generator(policy / game.reference[0])

    def guarantee(policy):
        worst = np.exp(game.log_response(-(policy @ lower)[None]))[0]
        return policy @ lower @ worst - cost(policy) + cost(worst)

    mine = guarantee(np.exp(found.log_policy[0]))
    others = [*np.random.default_rng(0).dirichlet(np.ones(3), 200), solve(found.game).probabilities[0]]
    assert mine > max(guarantee(policy) for policy in others)


def test_pessimism_plays_for_the_best_guarantee():
    """A response that won its only two duels tempts the plug-in; the pessimist has the largest worst case."""
    first, second = np.repeat([0, 2], [400, 2]), np.repeat([1, 0], [400, 2])
    won = np.concatenate([np.arange(400) < 240, [True, True]])
    log = DuelLog(np.zeros(402, int), first, second, won)
    plain, careful = (
        np.exp(plug_in(log, np.full(3, 1 / 3), 0.1, pessimism=c).log_policy[0]) for c in (0.0, 1.0)
    )
    wins = wins_of(log, (1, 3))
    lower = lower_bound(wins, fit_preference(wins), 1.0)[0]
    assert lower[0, 1] == pytest.approx(0.6 - 1 / (2 * 20)) and lower[1, 2] == 0 and lower[1, 1] == 0.5
    assert lower[2, 0] == pytest.approx(1 - 1 / (2 * 2**0.5))

    def guarantee(policy):
        # min over pi' of pi^T L pi' + tau KL(pi' || mu) is a soft minimum
        worst = -0.1 * np.log(np.mean(np.exp(-(policy @ lower) / 0.1)))
        return worst - 0.1 * (policy * np.log(3 * policy)).sum()

    others = np.random.default_rng(0).dirichlet(np.ones(3), 200)
    assert guarantee(careful) > max(guarantee(policy) for policy in [plain, *others])
    assert careful[2] < plain[2] and guarantee(careful) > guarantee(plain) + 0.001


@pytest.mark.parametrize("word", ["kl", "chi2", "forward-kl"])
def test_bandits_have_the_constant_of_their_regulariser(word):
    """As for games; 400 logs, so 4 sqrt(2/400) = .28, and .05 for the next order."""
    bandit = Bandit([0.7, 0.6, 0.4, 0.3], tau=0.3, reference=[0.4, 0.3, 0.2, 0.1], regulariser=word)
    behaviour = np.array([0.4, 0.3, 0.2, 0.1])
    draws = 20_000
    found = [bandit.suboptimality(bandit.fit(*bandit.sample(behaviour, draws, seed))) for seed in range(400)]
    predicted = bandit.error_constant(behaviour)
    assert np.mean(found) * draws == pytest.approx(predicted, rel=0.28 + 0.05)
    assert bandit.suboptimality(bandit.log_optimum) == pytest.approx(0, abs=1e-15)


def test_kl_bandits_need_the_coverage_of_one_policy():
    """An arm that the optimum hardly plays may be rare; without pessimism one that it does not know tempts it."""
    rare = np.array([0.5, 0.499, 1e-3])
    bandit = Bandit([0.9, 0.5, 0.1], tau=0.05)
    # the rare arm's variance, .09/1e-3, times what the optimum plays of it, e^{-16}, is 1e-5; the first's is 1e-4
    two = rare[:2] / rare[:2].sum()
    constant = bandit.error_constant(rare)
    assert constant == pytest.approx(Bandit([0.9, 0.5], 0.05).error_constant(two), rel=0.2)
    assert np.isinf(bandit.error_constant([0.5, 0.5, 0.0]))
    seen = np.array([0.5, 0.5, 0.0])
    blind = Bandit([0.45, 0.4, 0.1], tau=0.05)
    counts, sums = blind.sample(seen, 100_000, seed=1)
    plain, careful = (blind.suboptimality(blind.fit(counts, sums, c)) for c in (0.0, 1.0))
    # an arm never drawn counts as 1/2, the best of all; the pessimist's as 0
    assert careful < 0.001 and plain > 20 * careful


def test_votes_are_taken_once_and_ties_are_coins():
    data = PreferenceData.from_comparisons(
        ["x", "y", "z"],
        [[0, 80, 5], [20, 0, 6], [5, 4, 0]],
        [[0, 1000, 0], [1000, 0, 0], [0, 0, 0]],
        name="votes",
    )
    log = votes_log(data, seed=3)
    wins = wins_of(log, (1, 3))[0]
    np.testing.assert_array_equal(wins + wins.T, data.counts)
    np.testing.assert_array_equal(wins[2], [5, 4, 0])
    assert abs(wins[0, 1] - 580) < 4 * 1000**0.5 / 2
    part = votes_log(data, seed=3, duels=100)
    np.testing.assert_array_equal(part.first, log.first[:100])
    with pytest.raises(NashsimError, match="duels: a whole number from 1 to the 1120 votes"):
        votes_log(data, duels=1121)
    with pytest.raises(NashsimError, match="probabilities without counts"):
        votes_log(PreferenceData(["a", "b"], [[0.5, 0.6], [0.4, 0.5]]))
    frame = run_offline(data.game(tau=0.1), "plug-in", duels=[1000, 1120], seeds=2, votes=data)
    # all votes but the coins of ties: nearer than the smaller log
    gap = frame[frame.metric == "duality_gap"].groupby("duels").value.mean()
    assert gap[1120] < 0.01 and set(frame.pairs) == {"votes"}


def test_longer_logs_begin_with_shorter_ones_and_methods_see_no_preference():
    game = games.get("rps").replace(tau=0.2)
    hidden = game.replace(preference=np.full((3, 3), 0.5))
    long, short = (run_offline(game, ["plug-in", "pepo"], duels=d, seeds=2) for d in ([50, 200], 50))
    both = long[long.duels == 50].reset_index(drop=True)
    assert both.value.tolist() == short.value.tolist()
    from nashsim.offline import METHODS

    log = sampled(game, 100)
    for name, method in METHODS.items():
        np.testing.assert_array_equal(method(log, game, 0), method(log, hidden, 0), err_msg=name)


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"model": "low-rank:3"}, "even rank"),
        ({"model": "low-rank:x"}, "even rank"),
        ({"model": "tabulr"}, "did you mean 'tabular'"),
        ({"pessimism": -1.0}, "pessimism"),
        ({"pessimism": 1.0, "model": "bradley-terry"}, "tabular model alone"),
    ],
)
def test_what_is_refused_is_one_line(how, says):
    log = sampled(games.get("rps").replace(tau=0.2), 50)
    with pytest.raises(NashsimError, match=says) as error:
        plug_in(log, np.full(3, 1 / 3), 0.2, **how)
    assert "\n" not in str(error.value)


def test_labels_of_the_environment_name_the_policy():
    duels = Duels(games.get("rps").replace(tau=0.1), seed=1)
    duels.round(duels.game.reference, size=50)
    assert list(plug_in(duels, duels.game.reference, 0.1).policy.index) == ["rock", "paper", "scissors"]
    assert "never compared" not in plug_in(duels, duels.game.reference, 0.1).status


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"won": [True]}, "of one length"),
        ({"second": [1]}, "of one length"),
        ({"won": [2, -1]}, "won is True or False"),
        ({"first": [0, 9]}, "first: numbers from 0 to 1"),
    ],
)
def test_logs_of_another_form_are_refused_and_not_stretched(changed, said):
    parts = {"contexts": [0, 0], "first": [0, 1], "second": [1, 0], "won": [True, False]} | changed
    with pytest.raises(NashsimError, match=said):
        plug_in(DuelLog(*map(np.array, parts.values())), [0.5, 0.5], tau=0.1)


def test_bandits_refuse_logs_that_cannot_be():
    bandit = Bandit([0.5, 0.2], tau=0.1)
    for behaviour in ([0.5, 0.6], [1.0], [1.5, -0.5]):
        for use in (bandit.error_constant, lambda chances: bandit.sample(chances, 10)):
            with pytest.raises(NashsimError, match="behaviour: 2 probabilities"):
                use(behaviour)
    for counts, sums in (([1, 1], [2, 0]), ([1, -1], [0, -1]), ([1], [1])):
        with pytest.raises(NashsimError, match="0 <= sums <= counts"):
            bandit.fit(counts, sums)
    with pytest.raises(NashsimError, match="draws: a whole number"):
        bandit.sample([0.5, 0.5], 2.5)
