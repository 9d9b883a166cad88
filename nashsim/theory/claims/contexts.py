"""Contexts x with weights d0(x): the game is a weighted stack of independent games, and every bound one of averages."""

from __future__ import annotations

import warnings

import numpy as np

from ...engine import run
from ...equilibrium import exploitability, solve_newton
from ...errors import StepSizeWarning
from ...game import PreferenceGame
from ...logspace import kl
from ...preferences import DensePreference
from ...rules import OMD
from .claim import Claim, Control, Evidence
from .instance import Instance, Stack
from .mmd import largest
from .rounding import EPS
from .standing import standing

_STEPS = 30


def _three(instance: Instance, weights: np.ndarray) -> tuple[PreferenceGame, np.ndarray]:
    """Return the game, its reverse and the game from the start as reference, as contexts, and their starts."""
    skew = np.stack([instance.skew, -instance.skew, instance.skew])
    reference, start = instance.log_reference, instance.log_start
    game = PreferenceGame(
        DensePreference(skew),
        log_reference=np.stack([reference, reference, start]),
        tau=instance.tau,
        weights=weights,
    )
    return game, np.stack([start, reference, reference])


def _weights(instance: Instance) -> np.ndarray:
    """Return weights of the three contexts, the first at least a half, that depend on the instance alone."""
    share = 0.5 * float(np.exp(instance.log_start.max()))
    return np.array([1 - share, 0.7 * share, 0.3 * share])


def _averages(stack: Stack, algorithm) -> Evidence:
    """What a run records of a weighted game against averages by hand of its contexts: KL a step, and the gap."""
    rule_of, weigh = algorithm
    rho, measured, bound, slack = 1 - stack.step * largest(stack.tau) * stack.tau, [], [], []
    for instance in stack.instances:
        weights = _weights(instance)
        game, start = _three(instance, weigh(weights))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", StepSizeWarning)
            found = run(
                game,
                rule_of(stack.tau, stack.step),
                queries=_STEPS,
                start=np.exp(start),
                record=1,
                metrics=["kl_to_equilibrium", "exploitability"],
                keep_policies=True,
            )
        apart = kl(solve_newton(game).log_policy, found.log_policies) @ weights
        gaps = np.array([exploitability(game, log) for log in found.log_policies]) @ weights
        told, gap = found.metrics["kl_to_equilibrium"], found.metrics["exploitability"]
        size = np.abs(found.log_policies).max() + game.actions / stack.tau
        rounding = 64 * EPS * size * (1 + np.sqrt(apart))
        measured.append([told[1:], np.abs(gap - gaps)[1:]])
        bound.append([rho * apart[:-1] + rounding[:-1], 64 * EPS * size * (1 + stack.tau + gaps[1:])])
        slack.append([rounding[:-1], np.zeros(_STEPS)])
    measured, bound, slack = (np.array(part).reshape(len(stack), -1) for part in (measured, bound, slack))
    return Evidence(np.arange(1, 2 * _STEPS + 1), measured, bound, slack, x_label="iterations, of KL and gap")


def _omd(tau: float, share: float) -> OMD:
    return OMD(step=share * largest(tau))


CLAIMS = (
    Claim(
        id="contexts-average",
        statement="E_x KL(π*_x, π_{t+1,x}) ≤ (1 − ητ) E_x KL(π*_x, π_{t,x}), E_x by the weights of the contexts;"
        " the recorded gap is E_x τ KL(π_x ‖ BR(π_x))",
        source="derived: the one-call rate context by context",
        kind="bound",
        conditions="three contexts of unequal weights from any game, reference and start; η ≤ 4τ/(1+4τ²)",
        quantity="recorded E_x KL(π*_x, π_{t+1,x}); |recorded gap − average|",
        predicted="(1 − ητ) E_x KL(π*_x, π_{t,x}); rounding",
        measure=_averages,
        algorithm=(_omd, lambda weights: weights),
        control=Control("contexts of equal weight", (_omd, lambda weights: np.full(3, 1 / 3))),
        rules=("omd",),
        games=100,
        still=(standing(_omd), lambda weights: weights),
    ),
)
