"""The training loop: sample, judge, fit, record; for any rule of ``nashsim`` on a task with a known equilibrium.

A mirror step is fitted by regression on pairs,

    E_{y, y' ~ w} [D(pi_theta) - sum_k w_k D(base_k) - eta (P(y ≻ opp) - P(y' ≻ opp))]^2,  D(q) = log q(y)/q(y'),

whose minimiser is the exact step [derived]; a gradient step climbs E_{y ~ pi}[v(y)] by one optimiser step. The named
policies of a rule are kept as log-probabilities of every response, frozen where the rule wrote them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from nashsim.errors import NashsimError
from nashsim.rules import POLICY, REFERENCE, GradientStep, RankingStep, Rule, get_rule

from .judges import Comparison
from .tasks import EnumerableTask


@dataclass(frozen=True)
class Settings:
    """How steps are fitted.

    Parameters
    ----------
    fit_steps : int
        Optimiser steps for each mirror step.
    lr : float
        Adam's, falling linearly to zero over each fit; constant for gradient steps.
    clip : float
        Largest gradient norm.
    samples : int or None
        Responses a prompt drawn for each mirror or gradient step; ``None`` takes the expectation over all of them.
    opponents : int
        Opponent's responses that each sampled response is compared with.
    duels : bool
        Whether the label is a coin with the judge's probability instead of the probability itself.
    """

    fit_steps: int = 60
    lr: float = 3e-3
    clip: float = 1.0
    samples: int | None = None
    opponents: int = 1
    duels: bool = False

    def __post_init__(self):
        if min(self.fit_steps, self.opponents) < 1 or not (self.lr > 0 and self.clip > 0):
            raise NashsimError("fit_steps, opponents, lr, clip: each must be > 0")
        if self.samples is not None and self.samples < 2:
            raise NashsimError(f"samples: pairs need at least 2 responses, found {self.samples}")
        if self.duels and self.samples is None:
            raise NashsimError("duels: coins need sampled responses; give samples=...")


@dataclass(frozen=True, eq=False)
class Training:
    """What a training leaves behind.

    Attributes
    ----------
    game, rule : str
    seed : int
    records : list of dict
        ``step``, ``queries`` (payoff vectors P(. ≻ opponent) asked for, as in tabular runs) and every metric;
        ``comparisons`` counts what the judge answered.
    log_policy, log_equilibrium : ndarray, shape (prompts, responses)
    equilibrium_masses : ndarray, shape (classes,)
        Of the exact Nash, averaged over prompts.
    model : torch.nn.Module
    """

    game: str
    rule: str
    seed: int
    records: list[dict]
    log_policy: np.ndarray
    log_equilibrium: np.ndarray
    equilibrium_masses: np.ndarray
    model: torch.nn.Module

    def frame(self):
        """Return the records as a tidy DataFrame: game, rule, seed, step, queries, metric, value."""
        import pandas as pd

        wide = pd.DataFrame(self.records)
        tidy = wide.melt(["step", "queries"], var_name="metric", value_name="value")
        tidy.insert(0, "game", self.game)
        tidy.insert(1, "rule", self.rule)
        tidy.insert(2, "seed", self.seed)
        return tidy


def train(
    task: EnumerableTask,
    rule: str | Rule,
    *,
    queries: int = 30,
    settings: Settings | None = None,
    seed: int = 0,
    record: int = 1,
) -> Training:
    """Train the task's language model by a rule and measure every record exactly.

    Parameters
    ----------
    task : EnumerableTask
    rule : str or Rule
        A name (its theorem's default step) or a rule; ranking rules are refused.
    queries : int
        Budget of payoff vectors, as for ``nashsim.run``: a two-call rule spends two an iteration.
    settings : Settings or None
    seed : int
        Of the sampled responses and coins. The model's weights are the task's.
    record : int
        Iterations between records.

    Returns
    -------
    Training

    Raises
    ------
    NashsimError
        For an unknown or a ranking rule, or a budget below one iteration.
    """
    rule = get_rule(rule)
    iterations = queries // rule.queries_per_step
    if iterations < 1 or record < 1:
        raise NashsimError(
            f"queries, record: {rule.name} needs at least {rule.queries_per_step} queries and record >= 1"
        )
    loop = _Loop(task, rule, settings or Settings(), seed)
    records = [loop.measure(0)]
    for t in range(iterations):
        for step in rule.steps(task.tau, t):
            loop.apply(step)
        if (t + 1) % record == 0 or t + 1 == iterations:
            records.append(loop.measure(t + 1))
    last = loop.policies[POLICY].double().cpu().numpy()
    nash = loop.measures
    masses = np.exp(nash.game.log_equilibrium).mean(axis=0)
    return Training(task.name, rule.name, seed, records, last, nash.log_equilibrium, masses, loop.model)


class _Loop:
    """The state of a training: the model, the named policies, the judge's bill."""

    def __init__(self, task: EnumerableTask, rule: Rule, settings: Settings, seed: int):
        self.task, self.settings = task, settings
        self.model = task.build_model()
        self.random = np.random.default_rng(seed)
        self.queries = self.comparisons = 0
        self.climber = torch.optim.Adam(self.model.parameters(), lr=settings.lr)
        reference = self.current()
        names = {POLICY, REFERENCE}
        for step in rule.steps(task.tau, 0):
            if isinstance(step, RankingStep):
                raise NashsimError(f"rule: {rule.name!r} ranks its pairs, which this loop cannot fit yet")
            names |= {step.into, *step.base, *step.opponent}
        self.policies = dict.fromkeys(names, reference)
        self.measures = task.measure_against(_normalised(reference.double()).cpu().numpy())
        self.preference = torch.as_tensor(task.judge.preference, device=task.device)
        self.classes = torch.as_tensor(task.classes, device=task.device)
        self.responses = task.enumeration.responses()

    def current(self) -> torch.Tensor:
        """Return log pi of every response under the model as it is, shape (prompts, responses)."""
        with torch.no_grad():
            return self.task.log_probs(self.model)

    def mixture(self, weights: Mapping[str, float]) -> torch.Tensor:
        """Return the normalised geometric mixture of named policies."""
        # a zero weight must not turn a log-probability of -inf into NaN
        parts = [float(w) * self.policies[name].double() for name, w in weights.items() if float(w) != 0.0]
        return _normalised(torch.stack(parts).sum(0))

    def opponent(self, step) -> torch.Tensor:
        """Return log-probabilities of the opponent of a step, its mixture geometric or arithmetic."""
        if not step.arithmetic:
            return self.mixture(step.opponent)
        parts = [
            np.log(float(w)) + self.policies[name].double() for name, w in step.opponent.items() if w != 0
        ]
        return torch.stack(parts).logsumexp(0)

    def apply(self, step) -> None:
        """Do one step of a rule: copy, fit or climb, and freeze what was written."""
        base = {name: float(w) for name, w in step.base.items() if float(w) != 0.0}
        if not step.opponent and (step.into != POLICY or list(base.values()) == [1.0]):
            self.policies[step.into] = self.mixture(base)  # nothing is asked: exact without training
            return
        if isinstance(step, GradientStep):
            self.climb(step)
        else:
            self.fit(step)
        self.policies[step.into] = self.current()

    def fit(self, step) -> None:
        """Fit the model to a mirror step by regression on pairs of responses."""
        base, weights = self.mixture(step.base), self._weights()
        target = base
        if step.opponent:
            payoff, weights = self.judge(self.opponent(step), weights)
            target = base + float(step.eta) * payoff
        optimiser = torch.optim.Adam(self.model.parameters(), lr=self.settings.lr)
        total = self.settings.fit_steps
        for k in range(total):
            residual = self.task.log_probs(self.model).double() - target
            mean = (weights * residual).sum(1, keepdim=True)
            # the mean square over all pairs is twice the variance
            loss = 2 * (weights * (residual - mean) ** 2).sum(1).mean()
            for group in optimiser.param_groups:
                group["lr"] = self.settings.lr * (1 - k / total)
            self._descend(optimiser, loss)

    def climb(self, step: GradientStep) -> None:
        """Do one step of policy gradient, no gradient through the opponent."""
        source = self.opponent(step) if step.pairwise else self.current().double()
        payoff, weights = self.judge(self.opponent(step), source.exp())
        score = sum(
            float(w) * self.policies[name].double() for name, w in step.score.items() if float(w) != 0.0
        )
        value = payoff + score
        value = value - (weights * value).sum(1, keepdim=True)
        loss = -(weights * value * self.task.log_probs(self.model).double()).sum(1).mean()
        self._descend(self.climber, loss)

    def judge(self, opponent: torch.Tensor, weights: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return P(. ≻ opponent), and the weights of the responses that it is known for.

        Parameters
        ----------
        opponent : Tensor, shape (prompts, responses)
        weights : Tensor, shape (prompts, responses)
            The distribution that responses are drawn from.
        """
        self.queries += 1
        if self.settings.samples is None:
            masses = torch.zeros(
                len(weights), len(self.preference), dtype=torch.float64, device=weights.device
            )
            masses.index_add_(1, self.classes, opponent.exp())
            return (masses @ self.preference.T)[:, self.classes], weights
        return self._sampled(opponent.exp().cpu().numpy(), weights.cpu().numpy())

    def _sampled(self, opponent: np.ndarray, weights: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        payoff, drawn = np.zeros_like(weights), np.zeros_like(weights)
        count = self.settings.samples
        for x, prompt in enumerate(self.task.prompts):
            ys = self.random.choice(weights.shape[1], count, p=weights[x] / weights[x].sum())
            zs = self.random.choice(
                weights.shape[1], (count, self.settings.opponents), p=opponent[x] / opponent[x].sum()
            )
            asked = [
                Comparison(prompt, self.responses[y], self.responses[z])
                for y, row in zip(ys, zs, strict=True)
                for z in row
            ]
            answers = self.task.judge(asked)
            self.comparisons += len(asked)
            if self.settings.duels:
                answers = (self.random.random(len(answers)) < answers).astype(float)
            # a response drawn twice has the mean of its labels, weighted by how often it was drawn
            np.add.at(drawn[x], ys, 1.0)
            np.add.at(payoff[x], ys, answers.reshape(count, -1).mean(axis=1))
        payoff = np.divide(payoff, drawn, out=np.zeros_like(payoff), where=drawn > 0)
        device = self.task.device
        return torch.as_tensor(payoff, device=device), torch.as_tensor(drawn / count, device=device)

    def _weights(self) -> torch.Tensor:
        """Return what responses are drawn from: policy and reference in equal parts, so that none is forgotten."""
        return 0.5 * (self.policies[POLICY].double().exp() + self.policies[REFERENCE].double().exp())

    def _descend(self, optimiser, loss: torch.Tensor) -> None:
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip)
        optimiser.step()

    def measure(self, step: int) -> dict[str, float]:
        """Return one record of the policy that the rule last wrote."""
        log_policy = _normalised(self.policies[POLICY].double()).cpu().numpy()
        counts = {"step": step, "queries": self.queries, "comparisons": self.comparisons}
        return counts | self.measures(log_policy)


def _normalised(logits: torch.Tensor) -> torch.Tensor:
    return logits.log_softmax(-1)
