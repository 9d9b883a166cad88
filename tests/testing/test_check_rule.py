"""check_rule passes what is right and names what is wrong."""

import numpy as np
import pytest

from nashsim import NashsimError
from nashsim.logspace import kl, log_normalise
from nashsim.rules import EGPO, HALF, OMD, POLICY, REFERENCE, RULES, MirrorStep, NashMD, NashMP
from nashsim.testing import RuleCheckError, check_property, check_rule, parametrize_with_checks
from nashsim.testing.problem import generic
from nashsim.testing.properties import _kl_rounding, _normal, tolerance
from nashsim.testing.subject import make_subject

from .broken import BROKEN, correct, normal


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_rule_of_the_package_passes(rule):
    check_rule(rule)


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_named_with_a_small_game(name):
    function, what, claims = BROKEN[name]
    with pytest.raises(RuleCheckError) as caught:
        check_rule(function, **claims)
    assert isinstance(caught.value, AssertionError)
    assert caught.value.property == what, str(caught.value)
    assert what in str(caught.value) and "tau = " in str(caught.value)
    if what != "absence of the fixed point":
        assert caught.value.problem.actions <= 3, str(caught.value)


def test_the_correct_callable_passes_with_all_its_claims():
    report = check_rule(correct, queries=1, monotone=True, contraction=lambda step, tau: 1 - step * tau)
    assert "fixed point" in report.held and report.unclaimed == ("memory", "absence of the fixed point")
    assert not report.failures and "14 of 14" in repr(report)


def test_log_probabilities_and_attributes():
    def logs(policy, game, step):
        logits = (1 - step * game.tau) * policy + step * game.tau * game.log_reference
        weights = np.exp(policy - policy.max())
        logits = logits + step * game.probabilities @ (weights / weights.sum())
        return logits - np.logaddexp.reduce(logits)

    logs.log, logs.queries, logs.monotone = True, 1, True
    check_rule(logs)
    logs.queries = 2
    with pytest.raises(RuleCheckError, match="applies P 1 times, but 2"):
        check_rule(logs)


def test_a_jitted_callable_passes():
    import numba

    @numba.njit
    def jitted(policy, game, step):
        base = policy ** (1 - step * game.tau) * game.reference ** (step * game.tau)
        weights = base * np.exp(step * (game.probabilities @ policy))
        return weights / weights.sum()

    check_rule(jitted, queries=1, monotone=True)


class Misweighted(OMD):
    name = "misweighted"

    def steps(self, tau, t):
        eta = self.largest_eta(tau)
        return (MirrorStep({POLICY: 1.0, REFERENCE: eta * tau}, {POLICY: 1.0}, eta),)


class Swapped(OMD):
    """A full step against pi from the half step's base, that forgets the reference in its base."""

    name = "swapped"

    def steps(self, tau, t):
        eta = self.largest_eta(tau)
        return (
            MirrorStep({POLICY: 1 - eta * tau, REFERENCE: eta * tau}, {POLICY: 1.0}, eta, into=HALF),
            MirrorStep({HALF: 1.0}, {POLICY: 1.0}, eta),
        )


class Miscounted(OMD):
    name = "miscounted"
    queries_per_step = 2


@pytest.mark.parametrize(
    "rule, what",
    [
        (Misweighted, "log-shift equivariance"),
        (Swapped, "fixed point"),
        (Miscounted, "queries counted"),
        (OMD(step=5.0), "contraction"),
    ],
)
def test_rules_in_the_language_are_caught_too(rule, what):
    with pytest.raises(RuleCheckError) as caught:
        check_rule(rule)
    assert caught.value.property == what


@parametrize_with_checks([OMD(), correct])
def test_parametrised(rule, check):
    check(rule)


def test_unusable_input_is_refused():
    with pytest.raises(NashsimError, match="callable"):
        check_rule(3)
    with pytest.raises(NashsimError, match="monoton.*accepted"):
        check_rule(correct, monoton=True)
    with pytest.raises(NashsimError, match="only fixed_point"):
        check_rule(OMD(), step=0.1)


OFTEN = {("omd", "chi2"), ("nash-mp", "mixed"), ("egpo", "tsallis:1.5"), ("nash-md", "chi2")}


@pytest.mark.parametrize(
    "rule, word",
    [
        pytest.param(
            rule, word, id=f"{rule.name}-{word}", marks=() if (rule.name, word) in OFTEN else pytest.mark.slow
        )
        for rule in (OMD(), NashMP(), EGPO(), NashMD())
        for word in ("chi2", "mixed", "tsallis:1.5")
    ],
)
def test_rules_keep_their_properties_under_other_regularisers(rule, word):
    check_rule(rule, regulariser=word)


def test_a_kl_step_is_no_step_of_chi2():
    def one_call(policy, game, step):
        raw = policy ** (1 - step * game.tau) * game.reference ** (step * game.tau)
        raw = raw * np.exp(step * (game.probabilities @ policy))
        return raw / raw.sum()

    def projected(policy, game, step):
        raw = (1 - step * game.tau) * policy + step * game.tau * game.reference
        raw = raw + step * game.reference * (game.probabilities @ policy)
        low, high = -100.0, 100.0
        for _ in range(200):
            middle = (low + high) / 2
            total = np.maximum(raw - middle * game.reference, 0).sum()
            low, high = (middle, high) if total > 1 else (low, middle)
        found = np.maximum(raw - high * game.reference, 0)
        return found / found.sum()

    check_rule(one_call)
    with pytest.raises(RuleCheckError, match="chi2"):
        check_rule(one_call, regulariser="chi2")
    check_rule(projected, regulariser="chi2")
    with pytest.raises(RuleCheckError):
        check_rule(projected)


def in_float32(policy, game, step):
    policy, reference, wins = (
        np.asarray(x, np.float32) for x in (policy, game.reference, game.probabilities)
    )
    eta, tau = np.float32(step), np.float32(game.tau)
    weights = policy ** (1 - eta * tau) * reference ** (eta * tau) * np.exp(eta * wins @ policy)
    return weights / weights.sum()


def in_torch(policy, game, step):
    import torch

    log_pi, log_mu, wins = (
        torch.tensor(x, dtype=torch.float32) for x in (policy, game.log_reference, game.probabilities)
    )
    log_pi.requires_grad_()  # as a policy that is trained has it
    logits = (1 - step * game.tau) * log_pi + step * game.tau * log_mu + step * wins @ log_pi.exp()
    return torch.log_softmax(logits, -1)


def test_tensors_are_held_to_their_own_rounding():
    pytest.importorskip("torch")
    check_rule(in_torch, log=True, shift=False, monotone=True)

    def in_bfloat16(policy, game, step):
        import torch

        return torch.tensor(correct(policy, game, step)).bfloat16()

    check_rule(in_bfloat16)


def test_float32_is_held_to_the_rounding_of_float32():
    check_rule(in_float32, queries=1, contraction=lambda step, tau: 1 - step * tau)

    def returned_as_float64(policy, game, step):
        return np.asarray(in_float32(policy, game, step), float)

    check_rule(returned_as_float64, precision="float32")

    with pytest.raises(RuleCheckError, match="simplex"):
        check_rule(returned_as_float64)
    with pytest.raises(NashsimError, match="precision 'single'"):
        check_rule(in_float32, precision="single")


@pytest.mark.parametrize(
    "name", ["payoff_times_1_1", "pull_times_0_9", "half_speed", "floored_at_0.01", "stays"]
)
def test_float32_excuses_nothing_but_rounding(name):
    function, what, claims = BROKEN[name]
    with pytest.raises(RuleCheckError) as caught:
        check_rule(lambda policy, game, step: function(policy, game, step).astype(np.float32), **claims)
    assert caught.value.property == what


def test_a_sum_off_by_twice_the_tolerance_is_no_policy():
    with pytest.raises(RuleCheckError, match="simplex"):
        check_rule(lambda policy, game, step: (1 + 2e-9) * correct(policy, game, step))
    check_rule(lambda policy, game, step: (1 + 0.5e-9) * correct(policy, game, step))


def test_all_failures_are_collected_and_each_can_be_run_again():
    def wrong(policy, game, step):
        return np.maximum(correct(policy, game, -step), 0.01)

    with pytest.raises(RuleCheckError) as caught:
        check_rule(wrong, raise_first=False, queries=2)
    found = {failure.property: failure for failure in caught.value.failures}
    assert {"simplex", "queries counted", "fixed point", "contraction", "forward step"} <= set(found)
    assert len(found) + len(caught.value.report.held) == 13 and "reproducibility" in caught.value.report.held
    for name, failure in found.items():
        assert f"{name} is broken" in str(caught.value) and failure.reproduce in str(caught.value).replace(
            "\n    ", "\n"
        )
        assert failure.problem.origin and "step = " in failure.reproduce
        with pytest.raises(RuleCheckError, match=name):
            lines = failure.reproduce.replace("problem)", "problem, queries=2)")
            exec(lines, {"wrong": wrong})


def test_a_rule_of_the_language_can_be_run_again():
    with pytest.raises(RuleCheckError, match="step=5.0") as caught:
        check_rule(OMD(step=5.0), raise_first=False)
    with pytest.raises(RuleCheckError):
        exec(caught.value.failures[0].reproduce, {"OMD": OMD})


def test_known_failures_are_declared_with_a_reason_and_must_fail():
    known = {"fixed point": "rounds to 1 %", "contraction": "stops a percent away"}
    report = check_rule(floored_at_a_percent, known=known, raise_first=False)
    assert report.known == known and "rounds to 1 %" in repr(report)
    with pytest.raises(RuleCheckError, match="fixed point.*rounds.*holds: take it out"):
        check_rule(correct, known={"fixed point": "rounds to 1 %"})
    with pytest.raises(RuleCheckError, match="not claimed"):
        check_rule(correct, known={"memory": "why not"})
    with pytest.raises(NashsimError, match="fixed point"):
        check_rule(correct, known={"fixed-point": "mistyped"})
    with pytest.raises(NashsimError, match="known: a mapping"):
        check_rule(correct, known=["fixed point"])


def floored_at_a_percent(policy, game, step):
    return BROKEN["floored_at_0.01"][0](policy, game, step)


class Optimistic:
    """Optimistic mirror descent: twice the last payoff less the one before, kept on the object."""

    def start(self, game):
        self.previous = None

    def step(self, policy, game, step):
        payoff = game.probabilities @ policy
        ahead = payoff if self.previous is None else 2 * payoff - self.previous
        self.previous = payoff
        base = policy ** (1 - step * game.tau) * game.reference ** (step * game.tau)
        return normal(base * np.exp(step * ahead))


class Passed:
    """The same, its memory passed through the steps."""

    def start(self, game):
        return np.zeros(0)

    def step(self, policy, game, step, previous):
        payoff = game.probabilities @ policy
        ahead = 2 * payoff - previous if len(previous) else payoff
        base = policy ** (1 - step * game.tau) * game.reference ** (step * game.tau)
        return normal(base * np.exp(step * ahead)), payoff


class Forgetful(Optimistic):
    def start(self, game):
        kept = getattr(self, "previous", None)
        self.previous = kept if kept is not None and len(kept) == len(game.reference) else None


class Lapsed(Optimistic):
    def step(self, policy, game, step):
        self.previous = None
        return super().step(policy, game, step)


@pytest.mark.parametrize("rule", [Optimistic, Optimistic(), Passed])
def test_rules_that_remember_are_classes(rule):
    report = check_rule(rule, memoryless=False, queries=1, forward=True)
    assert {"memory", "fixed point", "queries counted", "forward step"} <= set(report.held)
    with pytest.raises(RuleCheckError, match="no memory is broken.*it remembers"):
        check_rule(rule, memoryless=True)


def test_an_opponent_of_one_step_ago_breaks_the_largest_steps_rate():
    """Half of that step leaves room for it: the claim is true there, and passes."""

    class Stale(Optimistic):
        def step(self, policy, game, step):
            before = policy if self.previous is None else self.previous
            self.previous = policy
            base = policy ** (1 - step * game.tau) * game.reference ** (step * game.tau)
            return normal(base * np.exp(step * game.probabilities @ before))

    def rate(step, tau):
        return 1 - step * tau

    def largest(tau):
        return 4 * tau / (1 + 4 * tau**2)

    with pytest.raises(RuleCheckError, match="claimed rate is broken"):
        check_rule(Stale, step=largest, contraction=rate)
    check_rule(Stale, contraction=rate)
    check_rule(correct, step=largest, contraction=rate, monotone=True)


def test_memories_that_are_not_what_they_claim():
    with pytest.raises(RuleCheckError, match=r"reproducibility.*start\(game\) must empty the memory"):
        check_rule(Forgetful)
    with pytest.raises(RuleCheckError, match="memory is broken.*memoryless=True"):
        check_rule(Lapsed, memoryless=False)
    check_rule(Lapsed, memoryless=True)
    rules = {}

    def hidden(policy, game, step):
        rule = rules.setdefault(len(policy), Optimistic())
        if not hasattr(rule, "previous"):
            rule.start(game)
        return rule.step(policy, game, step)

    with pytest.raises(RuleCheckError, match="give it as a class"):
        check_rule(hidden)

    class Halfway(Passed):
        def step(self, policy, game, step, previous):
            return super().step(policy, game, step, previous)[0]

    with pytest.raises(RuleCheckError, match="must return \\(policy, memory\\)"):
        check_rule(Halfway)


@pytest.mark.parametrize("tau", [0.1, 3.0, 20.0])
def test_a_short_step_is_straight_at_every_tau(tau):
    """The step that meets the pull at its end is the forward step up to eta tau of it."""

    def implicit(policy, game, step, strength=1.0):
        pulled = np.log(policy) + strength * step * (
            game.probabilities @ policy + game.tau * game.log_reference
        )
        return normal(np.exp(pulled / (1 + strength * step * game.tau)))

    def stronger(policy, game, step):
        return implicit(policy, game, step, strength=1.2)

    problem = generic()[0].replace(tau=tau)
    check_property(implicit, "forward step", problem, step=0.01)
    with pytest.raises(RuleCheckError, match="is not the forward step"):
        check_property(stronger, "forward step", problem, step=0.01)


def test_policies_are_shown_as_such_however_far_their_logits_are_from_normal():
    for shift in (-900.0, 0.0, 900.0):
        np.testing.assert_allclose(_normal(shift + np.log([1.0, 3.0])), [0.25, 0.75], rtol=1e-12)


def test_the_slack_of_a_divergence_is_what_rounding_of_the_logits_makes():
    """(1/2, 1/2) against (1/2 + d, 1/2 - d), logits moved by e against each other: the slack is met to a tenth."""
    subject, problem = make_subject(correct), generic()[0]
    e = tolerance(subject, problem)
    half, d = np.log([0.5, 0.5]), 1e-3
    other = np.log([0.5 + d, 0.5 - d])
    moved = other + e * np.array([1, -1])
    before, after = (kl(half, log_normalise(q)) for q in (other, moved))
    slack = _kl_rounding(subject, problem, np.array([before, 0.0]))
    assert 0.9 * slack[0] < after - before <= slack[0]
    assert 0.9 * slack[1] < kl(half, log_normalise(half + e * np.array([1, -1]))) <= slack[1]
