"""Every solution against another derivation of its own: linear programmes, loops, optimisers; then its JSON."""

import json
import math

import numpy as np
import pytest
from scipy.optimize import brentq, linprog, minimize

import nashsim
from nashsim import NashsimError, PreferenceGame, games
from nashsim.cli import call
from nashsim.preferences import AnnotatorPreference
from nashsim.solutions import CONCEPTS, solutions

from ..zoo import damped_iteration, random_game

SEEDS = range(6)


def game_of(seed):
    return random_game(seed, actions=2 + seed % 4, tau=(0.1, 0.3, 1.0)[seed % 3])


def solved(game, name, **numbers):
    return solutions(game, concepts=[name], **numbers).probabilities[name][0]


@pytest.mark.parametrize("seed", SEEDS)
def test_lottery_is_that_of_a_linear_programme(seed):
    """max v with P^T p >= v; the value is 1/2."""
    game = game_of(seed)
    p, n = game.probabilities[0], game.actions
    found = linprog(
        np.r_[np.zeros(n), -1], A_ub=np.c_[-p.T, np.ones(n)], b_ub=np.zeros(n),
        A_eq=[np.r_[np.ones(n), 0]], b_eq=[1], bounds=[(0, 1)] * n + [(None, None)],
    )  # fmt: skip
    assert -found.fun == pytest.approx(0.5, abs=1e-9)
    assert np.abs(solved(game, "lottery") - found.x[:-1]).max() < 1e-7  # unique for generic P


@pytest.mark.parametrize("seed", SEEDS)
def test_nash_is_the_fixed_point_of_damped_iteration(seed):
    game = game_of(seed)
    assert np.abs(solved(game, "nash") - np.exp(damped_iteration(game)[0])).max() < 1e-9


@pytest.mark.parametrize("seed", SEEDS)
def test_rlhf_maximises_the_likelihood_then_the_reward_under_kl(seed):
    game = game_of(seed)
    p, mu, n = game.probabilities[0], game.reference[0], game.actions

    def loss(r):
        return sum(
            mu[i] * mu[j] * p[i, j] * math.log1p(math.exp(r[j] - r[i])) for i in range(n) for j in range(n)
        )

    reward = minimize(loss, np.zeros(n), method="BFGS", options={"gtol": 1e-10}).x
    raw = mu * np.exp((reward - reward.max()) / game.tau)
    assert np.abs(solved(game, "rlhf") - raw / raw.sum()).max() < 2e-5
    # stationarity of the likelihood, to rounding: expected and observed wins of every response agree
    reward = game.tau * np.log(solved(game, "rlhf") / mu)
    model = 1 / (1 + np.exp(reward[None] - reward[:, None]))
    assert np.abs((mu[:, None] * mu * (p - model)).sum(axis=1)).max() < 1e-14


@pytest.mark.parametrize("log_rare", [-15.0, -30.0, -300.0, -2000.0])
def test_rlhf_rewards_of_a_response_that_the_reference_hardly_has(log_rare):
    """The others keep the rewards of the game without it; its own solves sum_z mu(z) sigma(r - r_z) = P(y ≻ mu)."""
    p = np.array([[0.5, 0.7, 0.2, 0.1], [0.3, 0.5, 0.6, 0.4], [0.8, 0.4, 0.5, 0.3], [0.9, 0.6, 0.7, 0.5]])
    mu = np.array([0.5, 0.3, 0.2])
    full = solved(PreferenceGame(p[:3, :3], mu, tau=1.0), "rlhf")
    reward = np.log(full / mu)

    def missing(r):
        return mu @ (1 / (1 + np.exp(reward - r))) - mu @ p[3, :3]

    own = brentq(missing, -50, 50, xtol=1e-14)
    tau = (own - reward.max()) / abs(log_rare)  # such that the rare response has much of the mass
    game = PreferenceGame(p, log_reference=np.append(np.log(mu), log_rare), tau=tau)
    policy = solved(game, "rlhf")
    raw = np.append(np.log(mu) + reward / tau, log_rare + own / tau)
    raw = np.exp(raw - raw.max())
    # the rare response moves the others' rewards by at most its mass over the least slope of a sigmoid here
    assert np.abs(policy - raw / raw.sum()).max() < 1e-9 + 10 * np.exp(log_rare) / tau
    assert policy[3] > 0.1


def test_rlhf_refuses_rewards_that_rounding_decides():
    near = 1 - 2.0**-50
    game = PreferenceGame(
        [[0.5, 1 - near], [near, 0.5]], log_reference=[np.log1p(-np.exp(-21)), -21.0], tau=1.6
    )
    with pytest.raises(NashsimError, match="rlhf: rounding decides"):
        solutions(game, concepts=["rlhf"])


def test_rlhf_with_an_infinite_reward_is_the_limit_of_ever_surer_labels():
    sure = np.array([[0.5, 0.7, 1, 1], [0.3, 0.5, 1, 1], [0, 0, 0.5, 0.4], [0, 0, 0.6, 0.5]])
    mu = [0.1, 0.2, 0.3, 0.4]
    exact = solutions(PreferenceGame(sure, mu, tau=0.5), concepts=["rlhf"])
    softer = PreferenceGame(np.clip(sure, 1e-9, 1 - 1e-9), mu, tau=0.5)
    assert np.abs(exact.probabilities["rlhf"][0] - solved(softer, "rlhf")).max() < 1e-6
    assert exact.probabilities["rlhf"][0, 2:].max() == 0 and "infinite" in exact.notes["rlhf"]


@pytest.mark.parametrize("seed", SEEDS)
def test_scores_by_loops(seed):
    game = game_of(seed)
    p, n = game.probabilities[0], game.actions
    borda = [sum(p[i, j] for j in range(n) if j != i) for i in range(n)]
    copeland = [sum((p[i, j] > 0.5) + (p[i, j] == 0.5) / 2 for j in range(n) if j != i) for i in range(n)]
    worst = [min(p[i, j] for j in range(n) if j != i) for i in range(n)]
    for name, scores in (("borda", borda), ("copeland", copeland), ("minimax", worst)):
        best = [abs(s - max(scores)) < 1e-12 for s in scores]
        assert solved(game, name).tolist() == [b / sum(best) for b in best]


@pytest.mark.parametrize("seed", SEEDS)
def test_stackelberg_and_proportional_by_loops(seed):
    game = game_of(seed)
    p, mu, n = game.probabilities[0], game.reference[0], game.actions
    follower, leader, beta = 0.07, 0.4, 3.0
    value = [
        -follower * math.log(sum(mu[j] * math.exp(-p[i, j] / follower) for j in range(n))) for i in range(n)
    ]
    raw = [mu[i] * math.exp(value[i] / leader) for i in range(n)]
    first = solved(game, "stackelberg", tau_follower=follower, tau_leader=leader)
    assert np.allclose(first, np.array(raw) / sum(raw), rtol=1e-12)
    answers = np.zeros(n)
    for i in range(n):
        answer = np.array([mu[j] * math.exp(-p[i, j] / follower) for j in range(n)])
        answers += first[i] * answer / answer.sum()
    numbers = {"tau_follower": follower, "tau_leader": leader}
    assert np.allclose(solved(game, "stackelberg-follower", **numbers), answers, rtol=1e-12)
    u = [min(p[i, j] for j in range(n) if j != i) for i in range(n)]
    shares = np.array([u[i] * math.exp(beta * u[i]) for i in range(n)])
    assert np.allclose(solved(game, "proportional", beta=beta), shares / shares.sum(), rtol=1e-12)


def test_stackelberg_tends_to_minimax_and_the_follower_to_a_best_answer():
    game = random_game(3, actions=4, tau=1e-3)
    assert np.abs(solved(game, "stackelberg") - solved(game, "minimax")).max() < 1e-6
    answer = game.probabilities[0][:, solved(game, "minimax").argmax()].argmax()
    assert solved(game, "stackelberg-follower")[answer] == pytest.approx(1, abs=1e-6)


def test_known_answers():
    comal = solutions(games.get("comal"), tau=0.1)
    assert np.allclose(11 * comal.probabilities["lottery"][0], [4, 3, 4])
    assert comal.worst_win_rates["lottery"] == pytest.approx(0.5)
    p_eps = solutions(
        games.get("p-eps"), tau=1e-2
    )  # NLHF: reward maximisation picks y1 for any eps > 0 [paper]
    assert p_eps.policies["rlhf"].idxmax() == "y1" and p_eps.policies["rlhf"]["y1"] > 0.9
    rps = solutions(games.get("rps"), tau=0.1)
    assert all(np.allclose(p, 1 / 3) for p in rps.probabilities.values())
    assert "limit of fewer coins" in rps.notes["proportional"]


def test_win_rates_welfare_and_contexts():
    rewards, shares = np.array([[2.0, 1, 0], [0, 2, 1]]), [0.25, 0.75]
    game = PreferenceGame(AnnotatorPreference(rewards, shares), tau=0.2, labels="abc")
    found = solutions(game)
    rates, p = found.win_rates, game.probabilities[0]
    for one in ("nash", "borda", "reference"):
        pi = game.reference[0] if one == "reference" else found.probabilities[one][0]
        assert rates.loc[one, "rlhf"] == pytest.approx(pi @ p @ found.probabilities["rlhf"][0])
    assert np.allclose(rates + rates.T, 1)
    assert found.welfare["nash"] == pytest.approx(
        found.probabilities["nash"][0] @ (np.array(shares) @ rewards)
    )
    own = solutions(random_game(0, actions=3), utilities=[[1, 0, 0]])
    assert own.welfare["nash"] == pytest.approx(own.probabilities["nash"][0, 0])
    stack = random_game(1, actions=3, contexts=2)
    both = solutions(stack)
    for c in range(2):
        alone = PreferenceGame(stack.probabilities[c], stack.reference[c], tau=stack.tau)
        for name, policy in solutions(alone).probabilities.items():
            assert np.abs(both.probabilities[name][c] - policy[0]).max() < 1e-12
    assert set(both.frame().columns) == {"context", "label", "probability", "game", "tau", "solution"}
    assert nashsim.solutions is solutions


def test_the_command_prints_the_json_that_is_promised(capsys):
    assert call(["solutions", "comal", "--tau", "0.1", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["game"] == "comal" and said["tau"] == 0.1
    due = {"lottery", "nash", "rlhf", "borda", "copeland", "stackelberg", "proportional"}
    assert due <= set(said["solutions"]) == {concept.name for concept in CONCEPTS}
    worst = games.get("comal").probabilities[0]
    for part in said["solutions"].values():
        policy = np.array([part["policy"][label] for label in "abc"])
        assert policy.sum() == pytest.approx(1)
        assert part["worst_win_rate"] == pytest.approx((policy @ worst).min())
    assert said["conventions"]["beta"] == 10 and said["conventions"]["tau_leader"] == 0.1
    assert call(["solutions", "comal", "--tau", "0.1", "--concept", "nash", "--regulariser", "chi2"]) == 0
    assert "worst win rate" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("comal",), "--tau T"),
        (("comal", "--tau", "0.1", "--concept", "bord"), "did you mean 'borda'"),
        (("comal", "--tau", "0.1", "--beta", "-1"), "beta: a finite number >= 0"),
        (
            ("comal", "--tau", "0.1", "--tau-leader", "0"),
            "tau_leader: the regularisation must be a finite number > 0",
        ),
    ],
)
def test_refusals_are_one_line(capsys, arguments, said):
    assert call(["solutions", *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_utilities_that_do_not_fit_are_refused():
    game = random_game(0, actions=3)
    for bad in ({"utilities": [[1, 2]]}, {"utilities": [[1, 2, 3]], "shares": [0.5]}):
        with pytest.raises(NashsimError, match="needed, found"):
            solutions(game, **bad)


def test_several_contexts_are_json_too():
    game = random_game(2, actions=3, tau=0.2, contexts=2)
    said = json.loads(json.dumps(solutions(game).to_dict()))["solutions"]["nash"]["policy"]
    exact = nashsim.solve(game).probabilities
    for context in range(2):
        assert list(said[str(context)].values()) == pytest.approx(exact[context].tolist(), abs=1e-12)
