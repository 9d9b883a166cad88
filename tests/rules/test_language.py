"""What holds for every rule by its numbers alone: mixtures, steps, conditions, names."""

import inspect
import warnings
from dataclasses import dataclass

import numpy as np
import pytest

from nashsim import NashsimError, StepSizeWarning, run
from nashsim.rules import (
    COMAL,
    DNO,
    EGPO,
    INPO,
    IPOMD,
    MMD,
    MNPO,
    MPO,
    OMD,
    ONPO,
    POLICY,
    REFERENCE,
    RULES,
    SPO,
    BestResponse,
    DNOPrct,
    NashEMA,
    NashMD,
    NashMDPG,
    NashMP,
    NashProxSGD,
    OnlineIPO,
    OptimisticOMD,
    Start,
    get_rule,
)
from tests.zoo import random_game, rock_paper_scissors

TAUS = (0.01, 0.1, 1.0, 5.0)
every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)


@every_rule
@pytest.mark.parametrize("tau", TAUS)
def test_mixtures_sum_to_one(rule, tau):
    for instance in (rule(), rule.with_eta(0.5 / tau, tau)):
        for step in instance.steps(tau, np.arange(5)):
            for mixture in filter(None, (step.base, step.opponent)):
                np.testing.assert_allclose(sum(mixture.values()), 1, atol=4e-16)
            np.testing.assert_allclose(sum(getattr(step, "score", {}).values()), 0, atol=4e-16 * (1 + tau))


@every_rule
@pytest.mark.parametrize("tau", TAUS)
def test_with_eta_is_the_forward_step(rule, tau):
    eta = 0.3 / tau
    assert rule.with_eta(eta, tau).eta(tau) == pytest.approx(eta, rel=1e-14)
    assert rule.with_eta(eta, tau).constant


@every_rule
def test_an_array_of_t_gives_the_same_numbers(rule):
    together = rule().steps(0.2, np.arange(6))
    for t in range(6):
        for one, many in zip(rule().steps(0.2, t), together, strict=True):
            assert np.broadcast_to(many.eta, 6)[t] == one.eta
            parts = [part for part in ("base", "opponent", "score") if hasattr(one, part)]
            for mixture_one, mixture_many in ((getattr(one, part), getattr(many, part)) for part in parts):
                for name, weight in mixture_one.items():
                    assert np.broadcast_to(mixture_many[name], 6)[t] == weight


def test_step_conventions_of_each_paper():
    tau = 0.2
    assert INPO(eta_inverse=4.0).eta(tau) == 0.25  # the inverse of the forward step
    assert MMD(prox_weight=3.0).eta(tau) == pytest.approx(3 / (1 + 3 * tau))
    assert DNO(eta_inverse=4.0).eta(tau) == DNOPrct(eta_inverse=4.0).eta(tau) == 0.25  # the inverse again
    assert MPO(prox_weight=3.0).eta(tau) == MMD(prox_weight=3.0).eta(tau)
    assert NashMP(prox_step=0.4).eta(tau) == pytest.approx(0.4 / (tau * 1.4))
    assert OMD().eta(tau) == MMD().eta(tau) == pytest.approx(4 * tau / (1 + 4 * tau**2))
    # descent on online IPO's loss at rate lr climbs self-play's gradient at 4 lr/tau
    assert OnlineIPO(learning_rate=0.3).eta(tau) == IPOMD(learning_rate=0.3).eta(tau) == pytest.approx(6.0)
    assert EGPO().eta(tau) ** 2 == pytest.approx(4 * (1 - EGPO().eta(tau) * tau))
    # the schedules: eta_t = 2/(tau (t+2)) and eta_I,t = tau (t+2)/2 are the same step
    for t in range(4):
        assert NashMD().eta(tau, t) == pytest.approx(2 / (tau * (t + 2)))
        assert INPO().eta(tau, t) == pytest.approx(2 / (tau * (t + 2)))


@pytest.mark.parametrize("tau", TAUS)
def test_conditions_as_the_papers_print_them(tau):
    assert INPO(eta_inverse=tau + 1 / (4 * tau)).admits(tau)
    assert not INPO(eta_inverse=0.99 * (tau + 1 / (4 * tau))).admits(tau)
    assert MMD(prox_weight=4 * tau).admits(tau) and not MMD(prox_weight=4.1 * tau).admits(tau)
    assert NashMP(prox_step=2 * tau).admits(tau) and not NashMP(prox_step=2.1 * tau).admits(tau)
    assert NashMD(step=1 / tau).admits(tau) and not NashMD(step=1.01 / tau).admits(tau)


LIMITED = [rule for rule in RULES if np.isfinite(rule().largest_eta(0.05))]


def outside(rule, tau):
    """The rule with a step just beyond its condition, or as far as a proximal form goes."""
    eta = rule().largest_eta(tau) * 1.01
    return rule.with_eta(min(eta, 0.999 / tau) if rule().largest_eta(tau) * tau < 0.99 else eta, tau)


@pytest.mark.parametrize("rule", LIMITED, ids=lambda rule: rule.name)
def test_a_step_outside_the_condition_warns_and_names_it(rule):
    tau = 0.05
    with pytest.warns(StepSizeWarning, match="outside the condition") as caught:
        outside(rule, tau).warn_outside(tau)
    assert rule.condition in str(caught[0].message)


def test_the_warning_points_at_the_call_from_outside():
    game = rock_paper_scissors(tau=0.1)
    for call in (lambda: run(game, OMD(step=5.0), queries=2), lambda: OMD(step=5.0).warn_outside(0.1)):
        with pytest.warns(StepSizeWarning) as caught:
            call()
        assert caught[0].filename == __file__ and caught[0].lineno == call.__code__.co_firstlineno


@every_rule
def test_a_rule_says_where_each_of_its_policies_starts(rule):
    begins = rule().init
    assert list(begins)[:2] == [POLICY, REFERENCE] and begins[REFERENCE] == REFERENCE
    assert set(begins.values()) <= {POLICY, REFERENCE}, inspect.getsourcefile(rule)
    named = {name for step in rule().steps(0.3, 1) for name in (step.into, *step.base, *step.opponent)}
    assert named <= set(begins), inspect.getsourcefile(rule)


@pytest.mark.parametrize("path", ["compiled", "portable", "numpy"])
def test_a_rule_may_start_a_policy_at_the_reference(path):
    @dataclass(frozen=True)
    class FromReference(NashEMA):
        """Its average starts at mu, where the first step therefore asks."""

        @property
        def init(self):
            return {name: REFERENCE if name == "moving average" else at for name, at in super().init.items()}

    game = random_game(1, actions=4, tau=0.3)
    found = run(game, FromReference(step=0.5), queries=1, start="random", path=path)
    expected = run(game, BestResponse(step=0.5), queries=1, start="random", path=path)
    np.testing.assert_allclose(found.log_policy, expected.log_policy, atol=1e-15)


def test_the_range_of_optimism():
    for tau in (0.01, 0.05, 0.1, 0.3, 1.0, 5.0):
        assert OptimisticOMD(optimism=0.0).largest_eta(tau) == pytest.approx(
            OMD().largest_eta(tau), rel=1e-12
        )
        for b in (0.3, 0.8, 1.0, 1.5):
            rule = OptimisticOMD(optimism=b)
            eta = rule.largest_eta(tau) * np.linspace(0.01, 1 - 1e-12, 300)  # the whole range has the rate
            rho = 1 - eta * tau
            assert (rho**2 >= b * eta * np.sqrt(rho) + eta * (rho - b) ** 2 / (4 * rho * tau) - 1e-14).all()
            assert not OptimisticOMD(step=rule.largest_eta(tau) * 1.001, optimism=b).admits(tau)
    # one call a step at nearly the step of two: M2's best is 1.9 for two calls at tau = 0.05
    assert OptimisticOMD().largest_eta(0.05) == pytest.approx(0.9212, abs=5e-5)
    start, T = Start(kl=2.0), np.array([0, 1, 9])
    at_zero = OptimisticOMD(optimism=0.0).bound("kl_to_equilibrium", 0.5, T, start)
    np.testing.assert_allclose(at_zero, OMD().bound("kl_to_equilibrium", 0.5, T, start))
    q = 0.25 / 0.9**1.5  # rho = 0.9 at eta = 0.5, tau = 0.2
    bound = OptimisticOMD(step=0.5).bound("kl_to_equilibrium", 0.2, T, start)
    np.testing.assert_allclose(bound, 2 * 0.9**T / (1 - q))


@every_rule
def test_default_steps_do_not_warn(rule):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rule().warn_outside(0.1)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_bounds_are_claimed_for_proved_metrics_inside_the_condition_only(rule):
    start, steps = Start(kl=1.0, diameter=1.0), np.arange(5)
    for metric in {theorem.metric for theorem in rule.theorems if theorem.bound}:
        assert rule().bound(metric, 0.05, steps, start).shape == steps.shape
        if rule in LIMITED:
            assert outside(rule, 0.05).bound(metric, 0.05, steps, start) is None
    assert rule().bound("no such metric", 0.05, steps, start) is None


def test_bounds_at_known_points():
    tau, start = 0.5, Start(kl=2.0)
    T = np.array([0, 1, 9])
    linear = 2.0 * 0.5**T  # (1 + 4 tau^2)^-1 and (1 + 2 tau)^-1 are both 1/2 here
    np.testing.assert_allclose(OMD().bound("kl_to_equilibrium", tau, T, start), linear)
    np.testing.assert_allclose(MMD().bound("kl_to_equilibrium", tau, T, start), linear)
    np.testing.assert_allclose(NashMP().bound("kl_to_equilibrium", tau, T, start), linear)
    np.testing.assert_allclose(NashMD().bound("kl_to_equilibrium", tau, T, start), 8 / (0.25 * (T + 1)))
    np.testing.assert_allclose(INPO().bound("kl_to_equilibrium", tau, T, start), 32 / (0.25 * (T + 1)))
    even = Start(kl=2.0, diameter=np.log(4))
    np.testing.assert_allclose(
        SPO(step=0.5).bound("average_unregularised_gap", None, np.array([100]), even),
        2 * np.log(4) / 50 + 0.125,
    )
    np.testing.assert_allclose(
        ONPO(step=0.5).bound("average_unregularised_gap", None, np.array([100]), even), 2 * np.log(4) / 50
    )
    far = Start(kl=2.0, log_ratio=10.0)  # C = B tau = 5
    np.testing.assert_allclose(INPO().bound("kl_to_equilibrium", tau, T, far), 25 * 32 / (0.25 * (T + 1)))


@every_rule
def test_texts_are_there(rule):
    file = inspect.getsourcefile(rule)
    for text in ("name", "update", "condition", "source"):
        assert getattr(rule, text, ""), f"{file}: {rule.__name__}.{text} is missing"
    assert rule.name == rule.name.lower(), f"{file}: {rule.__name__}.name is in lower case with hyphens"
    for theorem in rule.theorems:
        assert theorem.tag in ("paper", "code", "derived", "recalled"), f"{file}: tag {theorem.tag!r}"


@pytest.mark.parametrize(("asked", "near"), [("nash-mq", "nash-mp"), ("INPOO", "inpo"), ("egp", "egpo")])
def test_unknown_rule_suggests_the_nearest(asked, near):
    with pytest.raises(NashsimError, match=f"unknown rule '{asked}'; did you mean '{near}'"):
        get_rule(asked)


@pytest.mark.parametrize("bad", [0, -1.0, float("nan"), float("inf"), "fast"])
@every_rule
def test_unusable_steps_are_refused(rule, bad):
    from dataclasses import fields

    name = fields(rule)[0].name
    with pytest.raises(NashsimError, match=f"{name}: the rule .* needs a finite number > 0"):
        rule(**{name: bad})


def test_get_rule():
    for bad, message in (
        (lambda: COMAL(inner=2.5), "inner: the rule 'comal' needs a whole number, found 2.5"),
        (lambda: MNPO(players=1), "players: a game of at least 2 players"),
        (lambda: NashEMA(decay=1.0), "decay: a weight below 1"),
        (lambda: DNOPrct(margin=1.5), "margin: win rates differ by at most 1, found 1.5"),
        (lambda: DNOPrct(responses=1), "responses: at least 2 make a pair, found 1"),
        (lambda: NashProxSGD(decay=1.0), "decay: a weight below 1"),
        (lambda: NashMDPG(mixture=-0.5), "mixture: the rule 'nash-md-pg' needs a finite number >= 0"),
        (lambda: NashMDPG(mixture=1.5), "mixture: the weight of the reference is at most 1, found 1.5"),
    ):
        with pytest.raises(NashsimError, match=message):
            bad()
    assert get_rule(EGPO(step=0.2)) == EGPO(step=0.2)
    assert get_rule("mmd", eta=0.5, tau=1.0).eta(1.0) == pytest.approx(0.5)
    with pytest.raises(NashsimError, match="needs tau"):
        get_rule("mmd", eta=0.5)
    with pytest.raises(NashsimError, match="eta: the forward step"):
        get_rule("mmd", eta=-0.5, tau=1.0)
    with pytest.raises(NashsimError, match="give it to the rule itself"):
        get_rule(EGPO(), eta=0.5)
    with pytest.raises(NashsimError, match="0 < eta < 1/tau = 2"):
        get_rule("nash-mp", eta=2.5, tau=0.5)
