"""What holds for every rule by its numbers alone: mixtures, steps, conditions, names."""

import inspect
import warnings

import numpy as np
import pytest

from nashsim import NashsimError, StepSizeWarning
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
    RULES,
    SPO,
    DNOPrct,
    NashEMA,
    NashMD,
    NashMDPG,
    NashMP,
    NashProxSGD,
    OnlineIPO,
    Start,
    get_rule,
)

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
