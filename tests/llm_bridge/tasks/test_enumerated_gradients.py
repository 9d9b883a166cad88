"""On an enumerable language model the expected gradient of every loss is that of the enumerated objective."""

import numpy as np
import pytest
import torch

from llm_bridge.algorithms import get_algorithm
from llm_bridge.algorithms.fits import policy_gradient
from llm_bridge.algorithms.fits.policy_gradient import policy_gradient_loss
from llm_bridge.algorithms.fits.regression import regression_loss
from llm_bridge.algorithms.labels import Labels
from llm_bridge.tasks import EnumerableTask
from llm_bridge.tasks.enumerated_source import Enumerated
from llm_bridge.trainer import Trainer
from nashsim.rules import INPO, GradientStep, NashMDPG, NashProxSGD, SelfPlayPG

from ..enumerated import PROMPT, enumerated, token_mixture
from ..models import loss_of, policy, shake

TAU = 0.2


@pytest.fixture(scope="module", params=["gpt2", "llama"])
def ground(request):
    """A policy away from its reference and target, every response, and a random preference between responses."""
    made = policy(request.param, vocabulary=4)
    made.snapshot("target")
    shake(made, 0.3, 11)
    batch = enumerated(made, 3)
    generator = torch.Generator().manual_seed(3)
    upper = torch.rand(len(batch), len(batch), generator=generator, dtype=torch.float64).triu(1)
    preference = upper + (1 - upper.T).tril(-1)
    return made, batch, preference + 0.5 * torch.eye(len(batch))


def opponent_of(made, batch, step):
    return token_mixture(made, batch, step.opponent).exp()


def compared(made, loss, objective):
    """Largest difference of two gradients, relative to the largest entry of the exact one."""
    weights = made.parameters()
    found, exact = torch.autograd.grad(loss, weights), torch.autograd.grad(-objective, weights)
    scale = max(float(g.abs().max()) for g in exact)
    assert scale > 1e-4
    return max(float((a - b).abs().max()) for a, b in zip(found, exact, strict=True)) / scale


def climbed(made, batch, step, payoff):
    """E_pi[P(y ≻ opp)] + sum_k score[k] E_pi[log k], the policy's own score differentiated too."""
    log_pi = made.sequence_log_probs(batch)
    score = sum(w * (made.sequence_log_probs(batch, name)) for name, w in step.score.items())
    return (log_pi.exp() * (payoff + score)).sum()


RULES = [SelfPlayPG(), NashMDPG(mixture=0.4), NashProxSGD(prox_step=0.5)]


def found_by_the_loss(made, batch, step, payoff):
    """Our loss over all responses, each weighted by its probability."""
    current = made.token_log_probs(batch)
    past = {name: made.token_log_probs(batch, name) for name in step.score if name != step.at}
    weights = current.detach().sum(1).exp()
    assert abs(float(weights.sum()) - 1) < 1e-6
    return policy_gradient_loss(step, current, past, batch.response_mask, payoff, weights=weights)


def error(made, batch, preference, rule):
    """Of the gradient of our loss, relative to that of what the rule climbs."""
    [step] = [s for s in rule.steps(TAU, 0) if isinstance(s, GradientStep)]
    payoff = preference @ opponent_of(made, batch, step)
    return compared(made, found_by_the_loss(made, batch, step, payoff), climbed(made, batch, step, payoff))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_policy_gradient_with_reward_to_go(ground, rule):
    assert error(*ground, rule) < 1e-6


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_same_token_scores_alone_would_be_seen(ground, rule, monkeypatch):
    """The planted fault of public trainers: the KL of later tokens dropped from an earlier token's credit."""
    monkeypatch.setattr(policy_gradient, "reward_to_go", lambda score: score)
    assert error(*ground, rule) > 1e-3


def test_the_token_mixture_is_not_the_sequence_mixture(ground):
    from ..enumerated import sequence_level

    made, batch, _ = ground
    half = {"policy": 0.5, "reference": 0.5}
    token, sequence = token_mixture(made, batch, half).exp(), sequence_level(made, batch, half).exp()
    assert abs(float(token.sum()) - 1) < 1e-6
    assert float((token - sequence).abs().sum() / 2) > 0.01


def test_regression_over_all_pairs(ground):
    made, batch, preference = ground
    [step] = INPO(eta_inverse=0.6).steps(TAU, 0)
    made.snapshot("policy at t")
    frozen = {
        "policy": made.sequence_log_probs(batch, "policy at t"),
        "reference": made.sequence_log_probs(batch, "reference"),
    }
    pi, payoff = frozen["policy"].exp(), preference @ frozen["policy"].exp()
    pairs = torch.cartesian_prod(*[torch.arange(len(batch))] * 2)
    current = made.sequence_log_probs(batch)
    loss = regression_loss(
        step,
        current[pairs],
        {name: table[pairs] for name, table in frozen.items()},
        Labels(payoff[pairs[:, 0]] - payoff[pairs[:, 1]], "duels"),
        weights=pi[pairs].prod(1),
    )
    # twice the variance of what is left of log pi_theta over the exact step
    exact = (
        0.6 * made.sequence_log_probs(batch)
        - (0.6 - TAU) * frozen["policy"]
        - TAU * frozen["reference"]
        - payoff
    )
    exact = exact / 0.6
    variance = (pi * exact**2).sum() - (pi * exact).sum() ** 2
    assert compared(made, loss, -2 * variance) < 1e-6


def error_in_the_loop(made, algorithm):
    """Of the gradient that a trainer on enumerated responses follows, relative to that against the token mixture."""
    task = EnumerableTask(vocabulary=4, length=3, prompts=(PROMPT,), tau=TAU)
    trainer = Trainer(made, task.prompts, algorithm, Enumerated(task), tau=TAU)
    step = trainer.step
    found = trainer.judge(trainer.sample(step, trainer.algorithm))
    loss = loss_of(trainer.algorithm, step, found, made)
    batch = enumerated(made, task.length)
    assert batch.responses() == found.responses.responses()
    payoff = (
        np.array(task.preference)[np.ix_(task.classes, task.classes)] @ opponent_of(made, batch, step).numpy()
    )
    return compared(made, loss, climbed(made, batch, step, torch.as_tensor(payoff)))


def test_the_trainer_follows_the_gradient_against_the_token_mixture(ground, monkeypatch):
    made, _, _ = ground
    algorithm = get_algorithm("nash-md-pg", mixture=0.4)
    assert error_in_the_loop(made, algorithm) < 1e-6
    assert error_in_the_loop(made, get_algorithm(algorithm, level="sequence")) > 1e-3
    # The planted fault: logits mixed and left unnormalised at every token, as one softmax over responses would.
    monkeypatch.setattr(
        Enumerated,
        "_token_mixture",
        lambda self, policy, weights: sum(
            w * self.table(policy, of) for of, w in weights.items()
        ).log_softmax(-1),
    )
    assert error_in_the_loop(made, algorithm) > 1e-3
