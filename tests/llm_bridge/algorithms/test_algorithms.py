"""Named algorithms: each paper's parameters in their place, and what is refused."""

import pytest

from llm_bridge.algorithms import ALGORITHMS, Algorithm, algorithms, get_algorithm, register
from llm_bridge.algorithms.registry import NAMED
from nashsim import NashsimError
from nashsim.rules import EGPO, INPO, RULES, GradientStep, MirrorStep, NashEMA


def test_every_registered_algorithm_and_every_rule_has_a_name():
    assert set(NAMED) | {rule.name for rule in RULES} == set(ALGORITHMS) == set(algorithms())
    for name in ALGORITHMS:
        made = get_algorithm(name)
        assert made.name == name
        assert [s for s in made.rule.steps(0.3, 0) if s.opponent], (
            f"{name}: its file in algorithms/named or rules"
        )


def test_a_name_is_registered_once():
    with pytest.raises(NashsimError, match="'inpo' is taken"):
        register("inpo", EGPO, fit="regression")


def test_parameters_reach_the_rule_the_constructor_or_the_algorithm():
    made = get_algorithm("enpo", eta_inverse=0.5, alpha=0.2, beta=0.1, sign=-1, n_z=8, responses=3)
    assert made.rule == INPO(eta_inverse=0.5)
    assert (made.anchor, made.explorer.beta, made.explorer.sign) == (0.2, 0.1, -1)
    assert (made.comparators, made.responses) == (8, 3)
    assert get_algorithm(INPO(eta_inverse=2.0)).rule.eta_inverse == 2.0
    assert get_algorithm("egpo", gradient=False).every_step is False
    assert get_algorithm(made) is made and get_algorithm(made, anchor=0.0).anchor == 0.0


def test_recipes_of_the_papers():
    enpo = get_algorithm("enpo")
    assert (enpo.anchor, enpo.explorer.beta, enpo.comparators, enpo.replay) == (1e-3, 0.05, 4, True)
    assert get_algorithm("dno-prct").responses == 5
    assert get_algorithm("nash-md-pg").rule.steps(0.1, 0)[0].opponent == {"policy": 0.875, "reference": 0.125}
    assert get_algorithm("inpo").labels == "winner" and get_algorithm("inpo").responses == 2
    best = get_algorithm("inpo", selection="best-worst")
    assert best.responses == 8 and "biased" in best.departure and get_algorithm("inpo").departure is None


def test_gradient_forms_rest_where_the_mirror_steps_do():
    [forward, _] = NashEMA(step=0.5).steps(0.2, 0)
    climbs = get_algorithm("nash-ema-pg").carried(forward)
    assert isinstance(climbs, GradientStep) and climbs.opponent == forward.opponent
    assert climbs.score == pytest.approx({"policy": -0.2, "reference": 0.2})
    half, full = EGPO(step=0.5).steps(0.2, 0)
    for step in (half, full):
        carried = get_algorithm("egpo").carried(step)
        assert isinstance(carried, MirrorStep) and carried.into == step.into
        assert carried.base == pytest.approx({"reference": 1.0}) and carried.eta == pytest.approx(5.0)
    assert get_algorithm("egpo", gradient=False).carried(full) is full


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("inppo", {}), "did you mean 'inpo'"),
        (("inpo", {"eta": 1.0}), "unknown parameter of inpo 'eta'"),
        (("enpo", {"n_zz": 3}), "did you mean 'n_z'"),
        (("inpo", {"eta_inverse": -1.0}), "eta_inverse"),
        (("inpo", {"selection": "best"}), "best-worst"),
        (("inpo", {"responses": 1}), "at least 2"),
        (("enpo-oracle", {"ridge": 0.0}), "ridge"),
        (("nash-md-pg", {"anchor": 0.1}), "takes none"),
        (("nash-md", {"fit": "regresion"}), "did you mean 'regression'"),
    ],
)
def test_what_is_unknown_or_unusable_is_refused_in_one_line(arguments, words):
    name, parameters = arguments
    with pytest.raises(NashsimError, match=words) as error:
        get_algorithm(name, **parameters)
    assert "\n" not in str(error.value)


def test_an_algorithm_of_ones_own():
    made = Algorithm("mine", INPO(eta_inverse=2.0), "logistic", responses=4)
    assert get_algorithm(made) is made and made.needs_pairs
