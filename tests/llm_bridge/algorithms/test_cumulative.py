"""CTPO by enumeration: the prefix's ratio corrects every token's term, a token's own does not; the paper's clipping."""

import math

import pytest
import torch

from llm_bridge.algorithms import get_algorithm
from llm_bridge.algorithms.fits.cumulative import CTPO, cumulative_ratio_loss
from llm_bridge.algorithms.fits.policy_gradient import policy_gradient_loss
from llm_bridge.tasks import EnumerableTask
from llm_bridge.tasks.enumerated_source import Enumerated
from llm_bridge.tasks.exact import train
from llm_bridge.training.settings import Settings
from nashsim.errors import NashsimError
from nashsim.rules import SelfPlayPG

from ..models import policy, shake

torch.set_num_threads(1)
STEP = SelfPlayPG(step=0.3).steps(0.1, 0)[0]


@pytest.fixture(scope="module")
def moved():
    """Every response of a task by a policy and by what it was before: (current with gradients, old, source, policy)."""
    task = EnumerableTask(vocabulary=4, length=3, tau=0.1)
    source, made = Enumerated(task), policy("gpt2", 4, pad=0)
    with torch.no_grad():
        old = made.token_log_probs(source.all).double()
    shake(made, 0.3, 5)
    return source, made, old


def gradient(made, loss):
    made.model.zero_grad()
    loss.backward()
    return torch.cat([p.grad.flatten() for p in made.parameters()])


def parts(moved):
    source, made, old = moved
    current = made.token_log_probs(source.all).double()
    payoff = torch.sin(
        1.7 * source.all.response.double() @ torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    )
    return made, current, old, source.all.response_mask, payoff


def plain(step):
    """The step without its KL: what comes after a token is then nothing."""
    from dataclasses import replace

    return replace(step, score={})


def known_by(payoff, was, responses):
    """E_old[payoff | y_<=t] of every response and token, by sums over the responses of one prompt and prefix."""
    tokens, mask = responses.response, responses.response_mask
    marked = torch.cat([responses.prompt, torch.where(mask, tokens, -1)], dim=1)
    found = torch.zeros(tokens.shape, dtype=torch.float64)
    for t in range(tokens.shape[1]):
        _, group = torch.unique(marked[:, : responses.prompt.shape[1] + t + 1], dim=0, return_inverse=True)
        sums = torch.zeros(2, int(group.max()) + 1, dtype=torch.float64)
        sums.index_add_(1, group, torch.stack([was * payoff, was]))
        found[:, t] = (sums[0] / sums[1])[group]
    return found


def test_the_prefix_ratio_corrects_every_tokens_term(moved):
    """E_old R_t A grad log pi(y_t) = E_pi E_old[A | y_<=t] grad log pi(y_t), summed over tokens."""
    made, current, old, mask, payoff = parts(moved)
    step, was, now = plain(STEP), old.sum(-1).exp(), current.detach().sum(-1).exp()
    credit = known_by(payoff, was, moved[0].all) - 0.5
    exact = gradient(made, -(now * torch.where(mask, credit * current, 0.0).sum(-1)).sum())
    made, current, *_ = parts(moved)
    found = gradient(made, cumulative_ratio_loss(step, current, {"policy": old}, mask, payoff, weights=was))
    size = exact.abs().max()
    # float64 throughout: sums of hundreds of terms
    assert (found - exact).abs().max() < 1e-10 * size
    # a token's own ratio, PPO's, forgets who wrote the prefix
    made, current, *_ = parts(moved)
    ratio = (current.detach() - old).exp() * (current - current.detach()).exp()
    own = -(was * torch.where(mask, (payoff - 0.5)[:, None] * ratio, 0.0).sum(-1)).sum()
    assert (gradient(made, own) - exact).abs().max() > 0.02 * size
    # and what the departure says: the continuation is the old policy's, so this is not yet the gradient at pi
    made, current, *_ = parts(moved)
    on_policy = gradient(made, policy_gradient_loss(step, current, {}, mask, payoff, weights=now))
    assert (found - on_policy).abs().max() > 0.02 * size


def test_the_prefix_varies_less_than_the_sequence(moved):
    """Var R_t <= Var R_T under the policy that drew, by enumeration; both have mean 1."""
    _, current, old, mask, _ = parts(moved)
    was = old.sum(-1).exp()
    was = was / was.sum()  # over all prompts
    ratios = torch.where(mask, current.detach() - old, 0.0).cumsum(-1).exp()
    mean = (was[:, None] * ratios).sum(0)
    variance = (was[:, None] * (ratios - mean) ** 2).sum(0)
    assert torch.allclose(mean, torch.ones(len(mean), dtype=torch.float64), atol=1e-5)
    assert (variance[:-1] < variance[-1] - 1e-6).all() and variance[0] > 0


def test_where_nothing_moved_it_is_the_policy_gradient(moved):
    """KL included: at a ratio of 1 no clip holds anything back."""
    source, made, _ = moved
    current = made.token_log_probs(source.all).double()
    drawn = {"policy": current.detach(), "reference": current.detach() - 0.1}
    mask, payoff = source.all.response_mask, torch.rand(len(current), dtype=torch.float64)
    first = gradient(
        made, policy_gradient_loss(STEP, current, {"reference": drawn["reference"]}, mask, payoff)
    )
    current = made.token_log_probs(source.all).double()
    widths = {"low": 0.025, "high": 0.05, "dual": 0.05}
    second = gradient(made, cumulative_ratio_loss(STEP, current, drawn, mask, payoff, **widths))
    assert torch.allclose(first, second, rtol=1e-6, atol=1e-9)


def test_clipping_is_the_papers():
    """Typed out for two tokens: windows exp(-low sqrt t), exp(high sqrt t), and the dual clip of negative credit."""
    old, mask = torch.zeros(2, 2, dtype=torch.float64), torch.ones(2, 2, dtype=torch.bool)
    current = torch.tensor([[0.04, 0.09], [0.2, -0.3]], dtype=torch.float64)
    payoff = torch.tensor([1.0, 0.0])  # credits 1/2 and -1/2
    found = cumulative_ratio_loss(
        plain(STEP), current, {"policy": old}, mask, payoff, low=0.025, high=0.05, dual=0.1, power=0.5
    )
    root = math.sqrt(2)
    gain = 0.5 * (math.exp(0.04) + math.exp(0.05 * root))  # the second, .13, is cut
    # negative credit: the larger ratio counts, .2 cut by the dual clip at .1; the prefix falls to -.1, below the window
    pain = -0.5 * (math.exp(0.1) + math.exp(-0.025 * root))
    assert float(found) == pytest.approx(-(gain + pain) / 2, rel=1e-12)


@pytest.mark.slow
def test_several_optimiser_steps_a_batch_near_the_equilibrium():
    task = EnumerableTask(vocabulary=4, length=2, tau=0.2)
    done = train(task, "ctpo", queries=12, settings=Settings(fit_steps=8, lr=3e-3))
    gaps = [row["duality_gap"] for row in done.records]
    assert gaps[-1] < 0.5 * gaps[0] and done.records[-1]["queries"] == 12


def test_widths_are_parameters_and_refused_by_name():
    fit = get_algorithm("ctpo", low=None, high=0.2).fit
    assert fit == CTPO(None, 0.2) and get_algorithm("ctpo").departure.startswith("what comes after")
    with pytest.raises(NashsimError, match="dual: a number > 0"):
        get_algorithm("ctpo", dual=0.0)
    with pytest.raises(NashsimError, match="drawn with"):
        cumulative_ratio_loss(STEP, torch.zeros(1, 1), {}, torch.ones(1, 1, dtype=torch.bool), torch.zeros(1))
