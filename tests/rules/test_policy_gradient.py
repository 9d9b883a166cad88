"""Policy gradients: the identities between them, where they rest, and how far their steps may go."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime, root

from nashsim import NashsimError, PreferenceGame
from nashsim.engine import Feedback, codes, first_policy, run
from nashsim.engine.reference_engine import ReadableEngine
from nashsim.engine.table import mirror_steps_only, tabulate
from nashsim.equilibrium import solve_newton
from nashsim.logspace import log_normalise
from nashsim.rules import (
    HALF,
    IPOMD,
    OMD,
    POLICY,
    RULES,
    DNOPrct,
    GradientStep,
    NashMDPG,
    NashMP,
    NashMPSGD,
    NashProx,
    NashProxSGD,
    OnlineIPO,
    SelfPlayPG,
)
from tests.rules import paper_updates as paper
from tests.zoo import random_game, rock_paper_scissors

GRADIENT = [rule for rule in RULES if isinstance(rule().steps(1.0, 0)[0], GradientStep)]
TAU = 0.3


def test_the_table_tells_which_rules_climb():
    for rule in RULES:
        assert mirror_steps_only(rule()) == (rule not in (*GRADIENT, DNOPrct))
    table = tabulate(NashMPSGD(), TAU, 0, 3)
    assert table.kind.tolist() == [codes.GRADIENT, codes.GRADIENT, codes.MIRROR, codes.MIRROR]
    assert tabulate(IPOMD(), TAU, 0, 3).kind.tolist() == [codes.PAIR_GRADIENT]


@pytest.mark.parametrize("s", [None, 0.4])
def test_a_gradient_step_climbs_the_regularised_objective(s):
    """Differences of P(pi > opponent) - tau KL(pi || mu) - (tau/s) KL(pi || target) in the logits, opponent held."""
    game = random_game(2, actions=5, tau=TAU)
    P, mu = game.probabilities[0], game.reference[0]
    pi, target = np.random.default_rng(2).dirichlet(np.ones(5), 2)
    opponent = pi**0.6 * mu**0.4 / (pi**0.6 * mu**0.4).sum() if s is None else pi

    def objective(logits):
        q = np.exp(logits) / np.exp(logits).sum()
        value = q @ P @ opponent - TAU * q @ np.log(q / mu)
        return value if s is None else value - TAU / s * q @ np.log(q / target)

    rule = NashMDPG(mixture=0.4) if s is None else NashProxSGD(prox_step=s)
    engine = ReadableEngine(game, rule, np.log(pi)[None])
    engine.policies["target"] = np.log(target)[None]
    # central differences with h = 1e-5: h^2/6 times third derivatives of order one
    basis = 1e-5 * np.eye(5)
    slopes = [(objective(np.log(pi) + h) - objective(np.log(pi) - h)) / 2e-5 for h in basis]
    np.testing.assert_allclose(engine.gradient(rule.steps(TAU, 0)[0])[0], slopes, atol=1e-9)


@pytest.mark.parametrize("b", [0.0, 0.4])
def test_the_gradient_of_the_ipo_loss_is_minus_four_over_tau_times_the_climb(b):
    """The loss summed over all pairs and outcomes, differentiated by differences, by hand, and by the engine."""
    game = random_game(2, actions=5, tau=TAU)
    P, mu = game.probabilities[0], game.reference[0]
    pi = np.random.default_rng(2).dirichlet(np.ones(5))
    sampling = pi ** (1 - b) * mu**b / (pi ** (1 - b) * mu**b).sum()
    loss = lambda logits: paper.ipo_loss(P, mu, TAU, logits, sampling)  # noqa: E731
    by_hand = paper.ipo_gradient(P, mu, TAU, np.log(pi), sampling)
    # forward differences of a loss of order 1/tau^2 with h = 1e-7: h/2 times a curvature of order one
    np.testing.assert_allclose(approx_fprime(np.log(pi), loss, 1e-7), by_hand, atol=1e-5)
    rule = IPOMD(learning_rate=0.1, mixture=b)
    engine = ReadableEngine(game, rule, np.log(pi)[None])
    [step] = rule.steps(TAU, 0)
    np.testing.assert_allclose(engine.gradient(step)[0], -TAU / 4 * by_hand, atol=1e-15)
    if b == 0:
        [climb] = SelfPlayPG().steps(TAU, 0)
        np.testing.assert_allclose(engine.gradient(climb)[0], -TAU / 4 * by_hand, atol=1e-15)


def test_one_mixture_from_self_play_to_the_best_response():
    game, options = random_game(4, actions=6, tau=TAU), {"queries": 4000, "start": "random"}
    final = {
        rule: run(game, rule, **options).log_policy
        for rule in (NashMDPG(mixture=0), SelfPlayPG(), OnlineIPO(), IPOMD(mixture=0), NashMDPG(mixture=1))
    }
    for same in (SelfPlayPG(), OnlineIPO(), IPOMD(mixture=0)):
        np.testing.assert_allclose(final[NashMDPG(mixture=0)], final[same], atol=1e-13)
    P, mu = game.probabilities[0], game.reference[0]
    best = mu * np.exp(P @ mu / TAU)
    np.testing.assert_allclose(np.exp(final[NashMDPG(mixture=1)][0]), best / best.sum(), atol=1e-13)


@pytest.mark.parametrize("rule", [r for r in GRADIENT if r.fixed_point], ids=lambda rule: rule.name)
def test_reaches_the_equilibrium(rule):
    for seed in range(5):
        game = random_game(seed, actions=4, tau=TAU, reference="uniform")
        found = run(game, rule(), queries=20_000, start="random", record=20_000)
        assert found.metrics["kl_to_equilibrium"][-1] < 1e-25


@pytest.mark.parametrize("rule", [NashMDPG, IPOMD])
def test_a_mixture_rests_at_its_biased_point(rule):
    """tau log(pi/mu) = P pi^b + c, solved by a root finder that knows nothing of steps."""
    b, game = 0.4, random_game(4, actions=6, tau=TAU)
    solved = np.exp(mixed_point(game, b)[0])
    found = np.exp(run(game, rule(mixture=b), queries=20_000, start="random").log_policy[0])
    np.testing.assert_allclose(found, solved, atol=1e-11)
    assert np.abs(found - np.exp(solve_newton(game).log_policy[0])).max() > 1e-3


def test_nash_mp_and_nash_prox_are_what_long_climbs_lead_to():
    game, s = random_game(4, actions=4, tau=TAU, reference="uniform"), 0.4
    start = first_policy(game, "random", 0)
    climbs = run(game, NashMPSGD(prox_step=s, inner=300), queries=3 * 600, start=np.exp(start))
    exact = run(game, NashMP(prox_step=s), queries=6, start=np.exp(start))
    np.testing.assert_allclose(climbs.log_policy, exact.log_policy, atol=1e-12)
    # a target that does not move yet: the point that Nash Prox finds
    slow = run(game, NashProxSGD(prox_step=s, decay=1 - 1e-15), queries=400, start=np.exp(start))
    point = run(game, NashProx(prox_step=s, inner=200), queries=200, start=np.exp(start))
    np.testing.assert_allclose(slow.log_policy, point.log_policy, atol=1e-11)


def spectral_radius(game, rule, log_point, of=POLICY):
    """Of the rule's map on the logits of one policy at a fixed point, by central differences, all others held there."""
    n = log_point.shape[1]

    def after(shift):
        engine = ReadableEngine(game, rule, log_point)
        engine.policies[of] = log_normalise(log_point + shift)
        engine.step()
        return engine.policies[of][0] - engine.policies[of][0].mean()

    h = 1e-6
    basis = np.eye(n) - 1 / n
    columns = [(after(h * direction) - after(-h * direction)) / (2 * h) for direction in basis]
    return np.abs(np.linalg.eigvals(np.array(columns).T)).max()


STABLE = [(cls, POLICY) for cls in (SelfPlayPG, OnlineIPO, IPOMD, NashProxSGD, NashMPSGD)] + [
    (NashMPSGD, HALF)
]


@pytest.mark.parametrize(("rule", "of"), STABLE, ids=lambda value: getattr(value, "name", value))
def test_inside_the_condition_the_resting_point_is_stable(rule, of):
    rng = np.random.default_rng(5)
    for seed in range(200):
        game = random_game(seed, actions=int(rng.integers(2, 7)), tau=float(rng.choice([0.03, 0.1, 0.5, 2])))
        log_point = solve_newton(game).log_policy
        if not rule.fixed_point:
            log_point = mixed_point(game, rule()._share)
        largest = rule().largest_eta(game.tau)
        assert spectral_radius(game, rule.with_eta(largest, game.tau), log_point, of) < 1 + 1e-8


def mixed_point(game, b):
    """The log of the policy with tau log(pi/mu) = P pi^b + c, solved in the logits from pi*."""
    A, log_mu = game.preference.dense()[0], game.log_reference[0]

    def unmet(logits):
        log_pi = logits - np.log(np.exp(logits).sum())
        mixed = np.exp((1 - b) * log_pi + b * log_mu)
        residual = game.tau * (log_pi - log_mu) - A @ mixed / mixed.sum()
        return residual - residual.mean() + logits.sum()  # logits are fixed up to a constant

    start = solve_newton(game).log_policy[0]
    logits = root(unmet, start - start.mean(), tol=1e-14).x
    assert np.abs(unmet(logits)).max() < 1e-11
    return (logits - np.log(np.exp(logits).sum()))[None]


@pytest.mark.filterwarnings("ignore::nashsim.StepSizeWarning")
def test_the_threshold_on_uniform_rps():
    """J = 1/3 on the simplex and eigenvalues of JAJ at i/(3 sqrt 12): unstable iff eta > 6 tau/(tau^2 + 1/12)."""
    tau = 0.1
    game, threshold = rock_paper_scissors(tau), 6 * tau / (tau**2 + 1 / 12)
    start = np.array([1 / 3 + 1e-6, 1 / 3, 1 / 3 - 1e-6])
    for factor, grows in ((0.98, False), (1.02, True)):
        found = run(game, SelfPlayPG(step=factor * threshold), queries=400, start=start)
        values = found.metrics["kl_to_equilibrium"]
        assert (values[-1] > values[0]) == grows


@pytest.mark.parametrize("rule", GRADIENT, ids=lambda rule: rule.name)
def test_zero_mass_references_climb_on_their_support(rule):
    game = rock_paper_scissors(tau=0.3, reference=[0.7, 0.3, 0.0])
    smaller = PreferenceGame(game.probabilities[0][:2, :2], [0.7, 0.3], tau=0.3)
    for path in ("compiled", "numpy"):
        full, part = (run(g, rule(), queries=200, path=path) for g in (game, smaller))
        assert full.log_policy[0, 2] == -np.inf
        np.testing.assert_allclose(full.log_policy[0, :2], part.log_policy[0], atol=1e-13)


def test_sampled_responses_are_for_gradients():
    game = rock_paper_scissors()
    with pytest.raises(NashsimError, match="feedback: 'responses' feed policy gradients, 'omd' takes mirror"):
        run(game, OMD(), queries=10, feedback=Feedback("responses", 3))
