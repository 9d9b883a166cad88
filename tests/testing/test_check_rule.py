"""check_rule passes what is right and names what is wrong."""

import numpy as np
import pytest

from nashsim import NashsimError
from nashsim.rules import EGPO, HALF, OMD, POLICY, REFERENCE, RULES, MirrorStep, NashMD, NashMP
from nashsim.testing import RuleCheckError, check_rule, parametrize_with_checks

from .broken import BROKEN, correct


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
    check_rule(correct, queries=1, monotone=True, contraction=lambda step, tau: 1 - step * tau)


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


@pytest.mark.parametrize("word", ["chi2", "mixed", "tsallis:1.5"])
@pytest.mark.parametrize("rule", [OMD(), NashMP(), EGPO(), NashMD()], ids=lambda rule: rule.name)
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
