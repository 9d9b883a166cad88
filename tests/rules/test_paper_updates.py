"""The language of mirror steps against the updates typed by hand, and planted faults against both."""

from dataclasses import replace

import numpy as np
import pytest

from nashsim.engine.readable import ReadableEngine
from nashsim.rules import EGPO, INPO, MMD, OMD, POLICY, RULES, NashMD, NashMP
from tests.rules import paper_updates as paper
from tests.zoo import random_game

TAU = 0.3
#: Every rule with and without a step of its own, beside its hand-typed update ``(P, mu, tau, pi, t) -> pi``.
PAIRS = {
    "nash-md": (NashMD(), paper.nash_md_schedule),
    "nash-md, constant": (NashMD(step=0.7), lambda P, mu, tau, pi, t: paper.nash_md(P, mu, tau, pi, 0.7)),
    "omd": (OMD(), lambda P, mu, tau, pi, t: paper.omd(P, mu, tau, pi, 4 * tau / (1 + 4 * tau**2))),
    "omd, eta": (OMD(step=0.7), lambda P, mu, tau, pi, t: paper.omd(P, mu, tau, pi, 0.7)),
    "inpo": (INPO(), paper.inpo_schedule),
    "inpo, eta_I": (INPO(eta_inverse=1.7), lambda P, mu, tau, pi, t: paper.inpo(P, mu, tau, pi, 1.7)),
    "mmd": (MMD(), lambda P, mu, tau, pi, t: paper.mmd(P, mu, tau, pi, 4 * tau)),
    "mmd, e": (MMD(prox_weight=0.7), lambda P, mu, tau, pi, t: paper.mmd(P, mu, tau, pi, 0.7)),
    "nash-mp": (NashMP(), lambda P, mu, tau, pi, t: paper.nash_mp(P, mu, tau, pi, 2 * tau)),
    "nash-mp, s": (NashMP(prox_step=0.4), lambda P, mu, tau, pi, t: paper.nash_mp(P, mu, tau, pi, 0.4)),
    "egpo": (
        EGPO(),
        lambda P, mu, tau, pi, t: paper.egpo(P, mu, tau, pi, 2 * (np.sqrt(1 + tau**2) - tau)),
    ),
    "egpo, eta": (EGPO(step=0.7), lambda P, mu, tau, pi, t: paper.egpo(P, mu, tau, pi, 0.7)),
}


def distance_from_paper(rule, update, iterations=4, seed=3):
    """Largest difference in probability over a few iterations, from a start that is not the reference."""
    game = random_game(seed, actions=4, tau=TAU)
    P, mu = game.probabilities[0], game.reference[0]
    pi = np.random.default_rng(seed).dirichlet(np.ones(4))
    engine = ReadableEngine(game, rule, np.log(pi)[None])
    differences = []
    for t in range(iterations):
        pi = update(P, mu, TAU, pi, t)
        engine.step()
        differences.append(np.abs(np.exp(engine.policies[POLICY][0]) - pi).max())
    return np.max(differences)  # NaN if any is


def test_every_rule_is_typed_out():
    assert {type(rule) for rule, _ in PAIRS.values()} == set(RULES)


@pytest.mark.parametrize("name", PAIRS)
def test_rule_equals_its_paper(name):
    assert distance_from_paper(*PAIRS[name]) < 1e-14  # a few roundings of numbers below one


class Mutant:
    """A rule with its mirror steps changed by ``change``, otherwise the same."""

    def __init__(self, rule, change):
        self._rule, self._change = rule, change

    def __getattr__(self, name):
        return getattr(self._rule, name)

    def steps(self, tau, t):
        return self._change(self._rule.steps(tau, t))


def _with(steps, i, **changes):
    return (*steps[:i], replace(steps[i], **changes), *steps[i + 1 :])


def mutations(rule):
    """Yield (what, change) for every coefficient: sign, inverse; for every mixture and the steps: order."""
    for i, step in enumerate(rule.steps(TAU, 1)):
        yield f"step {i}: sign of eta", lambda s, i=i: _with(s, i, eta=-s[i].eta)
        yield f"step {i}: inverse of eta", lambda s, i=i: _with(s, i, eta=1 / s[i].eta)
        for part in ("base", "opponent"):
            for name, weight in getattr(step, part).items():
                for what, flip in (("sign", lambda w: -w), ("inverse", lambda w: 1 / w)):
                    if abs(flip(weight) - weight) > 1e-9:

                        def change(s, i=i, part=part, name=name, flip=flip):
                            mixture = getattr(s[i], part)
                            return _with(s, i, **{part: {**mixture, name: flip(mixture[name])}})

                        yield f"step {i}: {what} of the weight of {name} in the {part}", change

            def swap(s, i=i, part=part):
                mixture = getattr(s[i], part)
                return _with(s, i, **{part: dict(zip(mixture, reversed(mixture.values()), strict=True))})

            if len(getattr(step, part)) > 1 and len(set(getattr(step, part).values())) > 1:
                yield f"step {i}: weights of the {part} swapped", swap
        yield f"step {i}: opponent is the reference", lambda s, i=i: _with(s, i, opponent={"reference": 1.0})
    if len(rule.steps(TAU, 1)) > 1:
        yield (
            "half and full step swapped",
            lambda s: tuple(
                replace(step, into=other.into) for step, other in zip(s, reversed(s), strict=True)
            ),
        )
        yield "full step against the first policy", lambda s: _with(s, 1, opponent={POLICY: 1.0})
        yield (
            "full step from the half step",
            lambda s: _with(s, 1, base={"half" if k == POLICY else k: w for k, w in s[1].base.items()}),
        )


@pytest.mark.parametrize(
    ("name", "what", "change"),
    [(name, *mutation) for name, (rule, _) in PAIRS.items() for mutation in mutations(rule)],
)
def test_a_flipped_convention_is_seen(name, what, change):
    rule, update = PAIRS[name]
    try:
        with np.errstate(all="ignore"):
            distance = distance_from_paper(Mutant(rule, change), update)
    except KeyError:  # it reads a policy before anything has written it
        return
    assert not distance < 1e-6, f"{name}: {what} went unseen"
