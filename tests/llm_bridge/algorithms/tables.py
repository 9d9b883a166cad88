"""Tabular softmax policies in torch: the ground on which a loss must be the engine's step."""

from types import SimpleNamespace

import torch

from llm_bridge.algorithms.labels import Labels
from nashsim.engine.reference_engine import ReadableEngine
from nashsim.rules import GradientStep
from tests.zoo import random_game

torch.set_num_threads(1)
TAU = 0.3


def engine_of(rule, seed=0, actions=5):
    """The readable engine at random named policies, so that no two of them agree by chance."""
    game = random_game(seed, actions=actions, tau=TAU)
    engine = ReadableEngine(game, rule, game.log_reference)
    generator = torch.Generator().manual_seed(seed + 1)
    for name in engine.policies:
        if name != "reference":
            logits = torch.randn(1, actions, generator=generator, dtype=torch.float64)
            engine.policies[name] = logits.log_softmax(-1).numpy()
    return engine


def tables(engine):
    """Every named policy as a float64 tensor, shape (actions,)."""
    return {name: torch.tensor(table[0]) for name, table in engine.policies.items()}


def all_pairs(actions):
    """Indices of all ordered pairs, shape (pairs, 2)."""
    return torch.cartesian_prod(torch.arange(actions), torch.arange(actions))


def batch_of(past, payoff, pairs=None):
    """What a loss reads of a batch: the frozen tables, the payoffs, the pairs."""
    return SimpleNamespace(frozen=past, payoff=payoff, pairs=pairs)


def differences(first, second):
    """Labels that are win rates' own differences."""
    return Labels(first - second, "duels")


def payoff_of(engine, step):
    """P(y ≻ opponent), shape (actions,)."""
    return torch.tensor(engine.payoff(step)[0]) + 0.5


def fitted(loss_of, start, iterations=400):
    """The minimiser of ``loss_of(log-table)`` over softmax tables, by L-BFGS in float64."""
    logits = start.clone().requires_grad_()
    optimiser = torch.optim.LBFGS(
        [logits],
        max_iter=iterations,
        tolerance_grad=1e-13,
        tolerance_change=1e-16,
        line_search_fn="strong_wolfe",
    )

    def closure():
        optimiser.zero_grad()
        loss = loss_of(logits.log_softmax(-1))
        loss.backward()
        return loss

    optimiser.step(closure)
    return logits.detach().log_softmax(-1)


def gradient(loss_of, start):
    """The gradient of ``loss_of(log-table)`` in the logits."""
    logits = start.clone().requires_grad_()
    loss_of(logits.log_softmax(-1)).backward()
    return logits.grad


def queries(rule, t=3, kind=None):
    """(rule, step) of every step with an opponent at iteration t."""
    return [
        step
        for step in rule.steps(TAU, t)
        if step.opponent and (kind is None or isinstance(step, GradientStep) == (kind == "gradient"))
    ]
