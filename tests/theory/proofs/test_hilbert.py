"""Performance estimation in Hilbert space against closed forms; PEPit is optional."""

import pytest

from nashsim.errors import NashsimError
from nashsim.rules import EGPO, OMD, BestResponse, NashMP, OptimisticOMD
from nashsim.theory.proofs.hilbert import hilbert_factor

pytest.importorskip("PEPit", reason="PEPit is not installed (extra pep)")


@pytest.mark.parametrize("tau", [0.1, 0.5, 1.0])
def test_one_call_at_its_largest_step(tau):
    assert abs(hilbert_factor(OMD(), tau) - 1 / (1 + 4 * tau**2)) < 5e-5


@pytest.mark.parametrize("tau", [0.1, 0.5, 1.0])
def test_two_calls_at_twice_tau(tau):
    assert abs(hilbert_factor(NashMP(), tau) - 1 / (1 + 2 * tau)) < 5e-5


def test_beyond_the_range_that_survives_in_hilbert_space_the_factor_is_lost():
    """At tau = .3 the factor 1/(1 + s) survives to s = 1.1357 in Hilbert space: the proofs in l1 end earlier."""
    for s, kept in ((1.1, True), (1.2, False)):
        eta = s / (0.3 * (1 + s))
        assert (abs(hilbert_factor(EGPO(step=eta), 0.3) - 1 / (1 + s)) < 5e-5) is kept


def test_rules_of_another_kind_are_refused():
    for rule in (OptimisticOMD(), BestResponse()):
        with pytest.raises(NashsimError, match="rule"):
            hilbert_factor(rule, 0.3)
