"""Nash-MD-PG on one page: a language model learns to answer a cyclic judge, and its distance from Nash is exact.

The judge prefers rock to paper, paper to scissors, scissors to rock (the style is a response's first token), so that
no reward explains it. What is looked for is the policy that no other beats once leaving the reference costs tau KL,

    pi* = argmax_pi min_pi'  P(pi ≻ pi') - tau KL(pi || mu) + tau KL(pi' || mu).

Nash-MD-PG (Munos et al., Nash Learning from Human Feedback, arXiv 2312.00886) plays against an opponent pulled to
the reference, pi^b ∝ pi^(1-b) mu^b token by token, and climbs by policy gradient

    E_{y ~ pi, z ~ pi^b} [ 1{y beats z} - 1/2 - tau log(pi(y|x)/mu(y|x)) ].

Here is all of it, in the order in which it happens; only the task, whose responses are few enough to be enumerated,
is imported. b = 0 is self-play and rests at pi*; 0 < b rests a little off it, for an opponent that moves less.

Example: python experiments/nash_md_one_file.py --iterations 300 --mixture 0.125 --seed 1
"""

import argparse

import numpy as np
import torch

from llm_bridge.tasks import EnumerableTask

EOS = 0  # ends a response; what stands behind it is padding


def next_token_log_probs(model, ids):
    """log pi(v | x, y_<t) for every token v of the vocabulary, shape (rows, vocabulary)."""
    return model(input_ids=ids).logits[:, -1].double().log_softmax(-1)


@torch.no_grad()
def sample(policies, weights, prompts, uniforms):
    """Draw a response a prompt from p(v | x, y_<t) ∝ prod_k pi_k(v | x, y_<t)^weights[k].

    prompts: (rows, prompt tokens); uniforms: (rows, tokens) in [0, 1), one a token; returns token ids, (rows, tokens).
    """
    ids, alive = prompts, torch.ones(len(prompts), dtype=torch.bool)
    for u in uniforms.T.contiguous():
        mixed = sum(w * next_token_log_probs(pi, ids) for pi, w in zip(policies, weights, strict=True) if w)
        # The first token whose cumulative probability exceeds u; rounding must not leave the vocabulary.
        cumulative = mixed.softmax(-1).cumsum(-1)
        token = torch.searchsorted(cumulative, u[:, None], right=True)[:, 0].clamp(max=mixed.shape[1] - 1)
        token = torch.where(alive, token, EOS)
        ids, alive = torch.cat([ids, token[:, None]], 1), alive & (token != EOS)
    return ids[:, prompts.shape[1] :]


def token_log_probs(model, prompts, responses):
    """log pi(y_t | x, y_<t) of every token of the responses, shape (rows, tokens)."""
    ids = torch.cat([prompts, responses], 1)
    logits = model(input_ids=ids).logits[:, prompts.shape[1] - 1 : -1]
    return logits.log_softmax(-1).gather(-1, responses[..., None])[..., 0]


def duel(preference, first, second, uniforms):
    """1 where the first wins a coin of probability P[style(y), style(z)], else 0; 1/2 against itself; shape (rows,)."""
    # Tokens 1, 2 and 3 open the three styles, anything else is the fourth class.
    style, other = (torch.where((y[:, 0] >= 1) & (y[:, 0] <= 3), y[:, 0] - 1, 3) for y in (first, second))
    won = (uniforms < preference[style, other]).double()
    return torch.where((first == second).all(1), 0.5, won)


def policy_gradient_loss(log_pi, log_mu, responses, wins, tau):
    """A loss whose gradient is minus that of E [wins - 1/2 - tau log(pi/mu)], reward-to-go.

    Token t is credited with the duel, which comes at the end, and with the KL of tokens t, t+1, ...: what was paid
    before it cannot have been its doing. log_pi and log_mu have shape (rows, tokens), with gradients in log_pi alone.
    """
    ended = (responses == EOS).long().cumsum(1)
    real = ended - (responses == EOS).long() == 0  # EOS itself belongs to the response
    penalty = torch.where(real, tau * (log_pi.detach() - log_mu), 0.0)
    to_go = penalty.flip(1).cumsum(1).flip(1)
    credit = torch.where(real, (wins - 0.5)[:, None] - to_go, 0.0)
    return -(credit * log_pi).sum(1).mean()


def train(task, iterations, batch=64, lr=0.1, mixture=0.125, seed=0, random=None, show=None):
    """Train the task's model with ``batch`` duels a prompt and iteration; return it.

    random(t, purpose, shape) gives the uniform numbers of iteration t; None draws them by NumPy from the seed.
    show(t, model), if given, is called before each iteration and once more at the end.
    """
    stream = np.random.default_rng(seed)
    random = random or (lambda t, purpose, shape: torch.from_numpy(stream.random(shape)))
    model, reference = task.build_model(), task.build_model()  # pi starts at mu
    optimiser = torch.optim.SGD(model.parameters(), lr=lr)
    prompts = torch.tensor(task.prompts).repeat(batch, 1)
    preference = torch.tensor(task.preference, dtype=torch.float64)
    for t in range(iterations):
        if show:
            show(t, model)
        # 1. Sample: a response from the policy, its opponent from the mixture of policy and reference.
        shape = (len(prompts), task.length)
        y = sample([model], [1.0], prompts, random(t, "response", shape))
        z = sample([model, reference], [1 - mixture, mixture], prompts, random(t, "opponent", shape))
        # 2. Judge: one duel a response.
        wins = duel(preference, y, z, random(t, "coins", (len(prompts), 1))[:, 0])
        # 3. Loss: the duels' outcomes, and the KL to the reference.
        log_pi = token_log_probs(model, prompts, y)
        with torch.no_grad():
            log_mu = token_log_probs(reference, prompts, y)
        loss = policy_gradient_loss(log_pi, log_mu, y, wins, task.tau)
        # 4. One optimiser step, its gradient's norm bounded, its rate falling to zero.
        optimiser.param_groups[0]["lr"] = lr * (1 - (t + 0.5) / iterations)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
    if show:
        show(iterations, model)
    return model


def main():
    """Train, and print the exact duality gap and the mass of every style as they change."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, default, says in (
        ("--iterations", 200, "optimiser steps"),
        ("--batch", 64, "duels a prompt and step"),
        ("--lr", 0.1, "learning rate at the start"),
        ("--mixture", 0.125, "b, the weight of the reference in the opponent; 0 is self-play"),
        ("--tau", 0.1, "weight of the KL to the reference"),
        ("--seed", 0, "seed of samples and coins"),
    ):
        parser.add_argument(name, type=type(default), default=default, help=f"{says} (default: {default})")
    asked = parser.parse_args()
    task = EnumerableTask(vocabulary=5, length=2, tau=asked.tau)
    measure = task.measure_against(task.log_probs(task.build_model()).detach().double().numpy())

    def show(t, model):
        if t % max(1, asked.iterations // 20) and t != asked.iterations:
            return
        with torch.no_grad():
            found = measure(task.log_probs(model).double().numpy())
        masses = "  ".join(f"{name} {found['mass ' + name]:.3f}" for name in task.names)
        gap = f"exact duality gap {found['duality_gap']:.4f}"
        print(f"{t:5d} of {asked.iterations}   {gap}   {masses}", flush=True)

    train(task, asked.iterations, asked.batch, asked.lr, asked.mixture, asked.seed, show=show)
    nash = np.exp(measure.game.log_equilibrium).mean(0)
    print("exact Nash:", "  ".join(f"{name} {mass:.3f}" for name, mass in zip(task.names, nash, strict=True)))


if __name__ == "__main__":
    main()
