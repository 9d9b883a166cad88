"""The language of mirror steps against the updates typed by hand, and planted faults against both."""

from dataclasses import replace

import numpy as np
import pytest

from nashsim.engine.reference_engine import ReadableEngine
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
    OMWU,
    ONPO,
    POLICY,
    RULES,
    SPO,
    SPPO,
    BestResponse,
    DNOPrct,
    GradientStep,
    MirrorStep,
    NashEMA,
    NashMD,
    NashMDPG,
    NashMP,
    NashMPSGD,
    NashProx,
    NashProxSGD,
    OnlineIPO,
    OptimisticOMD,
    RankingStep,
    SelfPlay,
    SelfPlayPG,
)
from tests.rules import paper_updates as paper
from tests.zoo import random_game

TAU = 0.3


def one_step(update):
    """A path from an update that needs neither tau's schedule nor a memory."""
    return paper.each(lambda P, mu, tau, pi, t: update(P, mu, tau, pi))


#: Rules with and without a step of their own, beside the hand-typed path ``(P, mu, tau, pi) -> policies``.
PAIRS = {
    "nash-md": (NashMD(), paper.each(paper.nash_md_schedule)),
    "nash-md, constant": (
        NashMD(step=0.7),
        one_step(lambda P, mu, tau, pi: paper.nash_md(P, mu, tau, pi, 0.7)),
    ),
    "omd": (OMD(), one_step(lambda P, mu, tau, pi: paper.omd(P, mu, tau, pi, 4 * tau / (1 + 4 * tau**2)))),
    "omd, eta": (OMD(step=0.7), one_step(lambda P, mu, tau, pi: paper.omd(P, mu, tau, pi, 0.7))),
    "inpo": (INPO(), paper.each(paper.inpo_schedule)),
    "inpo, eta_I": (INPO(eta_inverse=1.7), one_step(lambda P, mu, tau, pi: paper.inpo(P, mu, tau, pi, 1.7))),
    "mmd": (MMD(), one_step(lambda P, mu, tau, pi: paper.mmd(P, mu, tau, pi, 4 * tau))),
    "mmd, e": (MMD(prox_weight=0.7), one_step(lambda P, mu, tau, pi: paper.mmd(P, mu, tau, pi, 0.7))),
    "nash-mp": (NashMP(), one_step(lambda P, mu, tau, pi: paper.nash_mp(P, mu, tau, pi, 2 * tau))),
    "nash-mp, s": (
        NashMP(prox_step=0.4),
        one_step(lambda P, mu, tau, pi: paper.nash_mp(P, mu, tau, pi, 0.4)),
    ),
    "egpo": (
        EGPO(),
        one_step(lambda P, mu, tau, pi: paper.egpo(P, mu, tau, pi, 2 * (np.sqrt(1 + tau**2) - tau))),
    ),
    "egpo, eta": (EGPO(step=0.7), one_step(lambda P, mu, tau, pi: paper.egpo(P, mu, tau, pi, 0.7))),
    "nash-prox": (NashProx(inner=3), lambda P, mu, tau, pi: paper.nash_prox(P, mu, tau, pi, 2 * tau, 3)),
    "spo": (SPO(step=0.7), one_step(lambda P, mu, tau, pi: paper.weights_update(P, pi, 0.7))),
    "sppo": (SPPO(step=0.7), one_step(lambda P, mu, tau, pi: paper.weights_update(P, pi, 0.7))),
    "dno": (DNO(eta_inverse=1.7), one_step(lambda P, mu, tau, pi: paper.weights_update(P, pi, 1 / 1.7))),
    "dno-prct": (
        DNOPrct(eta_inverse=1.7, margin=0.15, ridge=0.5),
        one_step(lambda P, mu, tau, pi: paper.dno_prct(P, pi, 1.7, 0.15, 0.5)),
    ),
    "onpo": (ONPO(step=0.4), lambda P, mu, tau, pi: paper.onpo(P, pi, 0.4)),
    "omwu": (OMWU(step=0.4), lambda P, mu, tau, pi: paper.omwu(P, pi, 0.4)),
    "mnpo": (MNPO(step=0.7, players=4), lambda P, mu, tau, pi: paper.mnpo(P, pi, 0.7, 4)),
    "comal": (
        COMAL(step=0.7, inner=2),
        lambda P, mu, tau, pi: paper.refreshed(
            lambda P, ref, q: paper.omd(P, ref, tau, q, 0.7), P, mu, pi, 2
        ),
    ),
    "mpo": (
        MPO(prox_weight=0.7, inner=2),
        lambda P, mu, tau, pi: paper.refreshed(
            lambda P, ref, q: paper.mmd(P, ref, tau, q, 0.7), P, mu, pi, 2
        ),
    ),
    "nash-ema": (
        NashEMA(step=0.7, decay=0.6),
        lambda P, mu, tau, pi: paper.nash_ema(P, mu, tau, pi, 0.7, 0.6),
    ),
    "best-response": (BestResponse(), one_step(lambda P, mu, tau, pi: paper.best_response(P, mu, tau, mu))),
    "self-play": (SelfPlay(), one_step(lambda P, mu, tau, pi: paper.best_response(P, mu, tau, pi))),
    "self-play-pg": (
        SelfPlayPG(),
        one_step(lambda P, mu, tau, pi: paper.nash_md_pg(P, mu, tau, pi, 8 * tau / (1 + 4 * tau**2), 0)),
    ),
    "nash-md-pg": (
        NashMDPG(step=0.7),
        one_step(lambda P, mu, tau, pi: paper.nash_md_pg(P, mu, tau, pi, 0.7, 0.125)),
    ),
    "nash-md-pg, b": (
        NashMDPG(step=0.7, mixture=0.4),
        one_step(lambda P, mu, tau, pi: paper.nash_md_pg(P, mu, tau, pi, 0.7, 0.4)),
    ),
    "online-ipo": (
        OnlineIPO(learning_rate=0.05),
        one_step(lambda P, mu, tau, pi: paper.ipo_md(P, mu, tau, pi, 0.05, 0)),
    ),
    "ipo-md": (
        IPOMD(learning_rate=0.05, mixture=0.4),
        one_step(lambda P, mu, tau, pi: paper.ipo_md(P, mu, tau, pi, 0.05, 0.4)),
    ),
    "nash-mp-sgd": (
        NashMPSGD(step=0.7, inner=2),
        lambda P, mu, tau, pi: paper.nash_mp_sgd(P, mu, tau, pi, 0.7, 2 * tau, 2),
    ),
    "nash-mp-sgd, s": (
        NashMPSGD(inner=3, prox_step=0.4),
        lambda P, mu, tau, pi: paper.nash_mp_sgd(P, mu, tau, pi, 2 / (tau + tau / 0.4), 0.4, 3),
    ),
    "optimistic": (
        OptimisticOMD(step=0.7),
        lambda P, mu, tau, pi: paper.optimistic(P, mu, tau, pi, 0.7, 1.0),
    ),
    "optimistic, b": (
        OptimisticOMD(step=0.9, optimism=0.6),
        lambda P, mu, tau, pi: paper.optimistic(P, mu, tau, pi, 0.9, 0.6),
    ),
    "nash-prox-sgd": (
        NashProxSGD(step=0.7, prox_step=0.4, decay=0.6),
        lambda P, mu, tau, pi: paper.nash_prox_sgd(P, mu, tau, pi, 0.7, 0.4, 0.6),
    ),
}


def distance_from_paper(rule, path, iterations=6, seed=3):
    """Largest difference in probability over a few iterations, from a start that is not the reference."""
    game = random_game(seed, actions=4, tau=TAU)
    P, mu = game.probabilities[0], game.reference[0]
    start = np.random.default_rng(seed).dirichlet(np.ones(4))
    engine = ReadableEngine(game, rule, np.log(start)[None])
    differences = []
    for policy, _ in zip(path(P, mu, TAU, start), range(iterations), strict=False):
        engine.step()
        differences.append(np.abs(np.exp(engine.policies[POLICY][0]) - policy).max())
    return np.max(differences)  # NaN if any is


def test_every_rule_is_typed_out():
    missing = set(RULES) - {type(rule) for rule, _ in PAIRS.values()}
    assert not missing, f"type {missing} by hand in tests/rules/paper_updates.py and pair it here"


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
        climbs = isinstance(step, GradientStep)
        for part in ("score", "opponent") if climbs else ("base", "opponent"):
            yield from mixture_mutations(i, part, getattr(step, part))
        if not step.opponent:
            continue
        yield f"step {i}: sign of eta", lambda s, i=i: _with(s, i, eta=-s[i].eta)
        yield f"step {i}: inverse of eta", lambda s, i=i: _with(s, i, eta=1 / s[i].eta)
        if step.arithmetic:
            yield f"step {i}: geometric opponent", lambda s, i=i: _with(s, i, arithmetic=False)
        if isinstance(step, RankingStep):
            yield f"step {i}: every pair kept", lambda s, i=i: _with(s, i, margin=-1.0)
            yield f"step {i}: the worse one kept", lambda s, i=i: _with(s, i, margin=-s[i].margin)
            yield f"step {i}: inverse of the ridge", lambda s, i=i: _with(s, i, ridge=1 / s[i].ridge)
            yield (
                f"step {i}: payoffs, no ranking",
                lambda s, i=i: (*s[:i], MirrorStep(s[i].base, s[i].opponent, s[i].eta), *s[i + 1 :]),
            )
        if climbs and step.opponent != {step.at: 1.0}:  # against oneself both draw from the same policy
            yield f"step {i}: who learns", lambda s, i=i: _with(s, i, pairwise=not s[i].pairwise)
        if step.opponent != {"reference": 1.0}:
            yield (
                f"step {i}: opponent is the reference",
                lambda s, i=i: _with(s, i, opponent={"reference": 1.0}),
            )
    # An average that starts at the policy may be updated before or after it: one rotation, the same path.
    if len(rule.steps(TAU, 1)) > 1 and not isinstance(rule, NashEMA | NashProxSGD):
        yield "steps in reverse order", lambda s: s[::-1]
    if rule.queries_per_step > 1:
        yield "full step against the first policy", lambda s: _with(s, 1, opponent={POLICY: 1.0})
        yield "full step from the half step", from_half


def from_half(steps):
    """The second step as if it started where the first one ended."""
    if isinstance(steps[1], GradientStep):
        return _with(steps, 1, at="half")
    return _with(steps, 1, base={"half" if k == POLICY else k: w for k, w in steps[1].base.items()})


def mixture_mutations(i, part, mixture):
    """Yield the mutations of one mixture: each weight's sign and inverse, and the weights swapped."""
    for name, weight in mixture.items():
        for what, flip in (("sign", lambda w: -w), ("inverse", lambda w: 1 / w)):
            if weight != 0 and abs(flip(weight) - weight) > 1e-9:

                def change(s, name=name, flip=flip):
                    old = getattr(s[i], part)
                    return _with(s, i, **{part: {**old, name: flip(old[name])}})

                yield f"step {i}: {what} of the weight of {name} in the {part}", change

    def swap(s):
        old = getattr(s[i], part)
        return _with(s, i, **{part: dict(zip(old, reversed(old.values()), strict=True))})

    if len(set(mixture.values())) > 1:
        yield f"step {i}: weights of the {part} swapped", swap


@pytest.mark.parametrize(
    ("name", "what", "change"),
    [(name, *mutation) for name, (rule, _) in PAIRS.items() for mutation in mutations(rule)],
)
def test_a_flipped_convention_is_seen(name, what, change):
    rule, path = PAIRS[name]
    with np.errstate(all="ignore"):
        distance = distance_from_paper(Mutant(rule, change), path)
    assert not distance < 1e-6, f"{name}: {what} went unseen"
