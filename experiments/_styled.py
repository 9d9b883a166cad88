"""Runs of the styled task: every algorithm on one taught model with equal judge budgets; a run is kept in its file."""

from __future__ import annotations

import json
import os
import time
from copy import deepcopy
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np

from nashsim.data import fit_strengths
from nashsim.files import to_json, write_text

TAU, STRENGTH, LOSES = 0.1, 0.9, 0.1
#: Under the reference; what beats the most frequent style is itself beaten by the rarest, and a reward misses that.
WEIGHTS = (0.15, 0.3, 0.5)
#: DPO's temperature for rewards in the units of preferences, 4 tau [derived]; the reward route has the same.
BETA = 4 * TAU
REWARD = "reward"
#: Gradient steps do not end by themselves as fits do, and turn about the equilibrium.
SETTLING = {"schedule": "linear", "momentum": 0.0}
#: Difference of rewards that the reward route can show its policy, in log-odds.
SPAN = 16.0


@dataclass(frozen=True)
class Plan:
    """How an algorithm spends its judge budget.

    Attributes
    ----------
    group : str
        One of ``RATES``: algorithms of a group have one rate.
    queries : int
        Payoff vectors or rounds of pairs that the budget is split into.
    fit_steps : int
        Optimiser steps each.
    prompts : int or None
        A query; ``None`` is every topic once.
    parameters : dict
        Of ``get_algorithm``.
    settings : dict
        Further ones of ``Settings``.
    """

    group: str
    queries: int
    fit_steps: int
    prompts: int | None
    parameters: dict
    settings: dict


def plans(budget: int, topics: int, effort: int = 1) -> dict[str, Plan]:
    """Return every algorithm's plan: as many comparisons, and about as many responses in optimiser steps.

    Parameters
    ----------
    budget : int
        Comparisons.
    topics : int
    effort : int
        Times that fits are longer; gradient steps have one optimiser step each in any case.
    """

    def plan(group, asked, fit_steps, prompts=None, **parameters):
        longer = fit_steps if group == "gradient" else effort * fit_steps
        settings = SETTLING if group == "gradient" else {}
        return Plan(group, budget // asked, longer, prompts, parameters, settings)

    def duels(group="fit", **more):  # four responses a topic against two comparators
        return plan(group, 8 * topics, 4, **{"responses": 4, "comparators": 2} | more)

    def pairs(group, fit_steps, **more):  # all six pairs of four responses a topic
        return plan(group, 6 * topics, fit_steps, responses=4, **more)

    def gradient(each=4):  # one response against one comparator, each topic so many times
        return plan("gradient", each * topics, 1, each * topics)

    return {
        "nash-md": duels(),
        "nash-mp": duels(),
        "nash-prox": duels(inner=4),
        "inpo": pairs("fit", 3),
        "enpo": duels(responses=2, n_z=2, comparators=2),
        "nash-md-pg": gradient(),
        "nash-ema-pg": gradient(),
        # Two calls a step, of half as many comparisons: better with seed 100; EGPO, on pairs, is worse for it.
        "nash-mp-pg": gradient(each=2),
        "nash-prox-pg": gradient(),
        "egpo": plan("gradient", 4 * topics, 1, responses=4),
        "online-ipo": pairs("gradient", 1),
        "ipo-md": pairs("gradient", 1),
        "sppo": duels(step=1.0),
        "dno": duels(eta_inverse=1.0),
        "dno-prct": plan("fit", 10 * topics, 5),  # all ten pairs of its five responses
        "mnpo": duels(step=1.0),
        "comal": duels(inner=6),
        "dpo": pairs("reward", 3),
        "kto": duels("reward"),
        "xpo": plan("reward", 4 * topics, 1, responses=4),
        REWARD: duels("reward", pairs={"reference": 1.0}),
    }


class BradleyTerryRoute:
    """A judge that passes on what rewards say, fitted by classes to all that the judge behind it has answered so far.

    The payoff is 1/2 + (r(a) - r(b))/(2 SPAN): a best response to it at tau' = beta/(2 SPAN) is mu exp(r/beta), the
    policy of greatest E r - beta KL(. || mu).

    Parameters
    ----------
    judge : Judge
    classify : callable
    classes : int
    """

    def __init__(self, judge, classify, classes: int):
        self.judge, self.classify = judge, classify
        # A tenth of a comparison each way for every pair of classes, so that rewards are finite.
        self.wins = 0.1 * (1 - np.eye(classes))

    def __call__(self, comparisons) -> np.ndarray:
        """Return the payoffs of comparisons, shape (batch,), having learnt from them."""
        answers = self.judge(comparisons)
        a, b = (np.array([self.classify(c.prompt, y) for c, y in ((c, getattr(c, side)) for c in comparisons)])
                for side in "ab")  # fmt: skip
        np.add.at(self.wins, (a, b), answers)
        np.add.at(self.wins, (b, a), 1 - answers)
        rewards = fit_strengths(self.wins)
        return np.clip(0.5 + (rewards[a] - rewards[b]) / (2 * SPAN), 0.0, 1.0)


def trimmed_policy(model):
    """Return a policy that scores short and long responses apart: the numbers are the same, the padding is not paid."""
    import torch

    from llm_bridge.policy import CausalPolicy
    from llm_bridge.policy.sequences import Sequences

    class Trimmed(CausalPolicy):
        def token_log_probs(self, batch, of="policy"):
            width, lengths = batch.response.shape[1], batch.response_mask.sum(1)
            places, found = [], []
            for band in range(3):
                here = torch.nonzero(torch.bucketize(lengths, torch.tensor([7, 15])) == band)[:, 0]
                if not len(here):
                    continue
                longest = int(lengths[here].max())
                tensors = batch.prompt, batch.prompt_mask, batch.response, batch.response_mask
                parts = [part[here] for part in tensors[:2]] + [part[here, :longest] for part in tensors[2:]]
                scored = super().token_log_probs(Sequences(*parts), of)
                places.append(here)
                found.append(torch.nn.functional.pad(scored, (0, width - longest)))
            return torch.cat(found)[torch.cat(places).argsort()]

    return Trimmed(model)


@dataclass(frozen=True)
class Scale:
    """How much is run.

    Attributes
    ----------
    size : str
        Of the model, as ``StyledTask`` takes it.
    topics, budget, draws : int
        Prompts; comparisons a run; responses a prompt for the within-class term.
    teaching : dict
        As ``Teaching`` takes it.
    rates : dict of str to float
        Learning rate of every group.
    effort : int
        As ``plans`` takes it.
    """

    size: str
    topics: int
    budget: int
    draws: int
    teaching: dict
    rates: dict
    effort: int = 1

    def plan(self, name: str) -> Plan:
        """Return an algorithm's plan."""
        return plans(self.budget, self.topics, self.effort)[name]


def make_task(scale: Scale, cache: Path | None = None):
    """Return the styled task of a scale."""
    from llm_bridge.tasks import Grammar, StyledTask, Teaching

    grammar, teaching = Grammar(weights=WEIGHTS, topics=scale.topics), Teaching(**scale.teaching)
    options = {"strength": STRENGTH, "loses": LOSES, "tau": TAU, "size": scale.size}
    return StyledTask(grammar, teaching=teaching, cache=cache, **options)


def unregularised(game, masses: np.ndarray) -> float:
    """Return 2 (max_c P(c ≻ masses) - 1/2), the mean over prompts."""
    return float(2 * ((masses @ game.preference.T).max(axis=1) - 0.5).mean())


def run_one(task, model, scale: Scale, name: str, seed: int, rate: float | None = None) -> dict:
    """Train a copy of the taught model by an algorithm; return records, final class masses, and the final measure."""
    import torch

    from llm_bridge.algorithms import get_algorithm
    from llm_bridge.trainer import Sampled, Settings, Trainer
    from nashsim.rules import BestResponse

    torch.set_num_threads(1)
    began, plan = time.perf_counter(), scale.plan(name)
    judge, tau = task.judge, task.tau
    rule = BestResponse() if name == REWARD else name
    if name == REWARD:
        judge = BradleyTerryRoute(task.judge, task.grammar.classify, len(task.names))
        tau = BETA / (2 * SPAN)
    algorithm = get_algorithm(rule, **plan.parameters)
    policy = trimmed_policy(deepcopy(model))
    game, visited = task.class_game(policy), []

    def measure(policy) -> dict:
        with torch.no_grad():
            log_masses = task.log_masses(policy, task.prompts).double().log_softmax(1).numpy()
        visited.append(np.exp(log_masses))
        average = np.mean(visited[1:] or visited, axis=0)
        return {
            "class_gap": float(game.gap(log_masses).mean()),
            "average_unregularised_gap": unregularised(game, average),
        }

    iterations = max(1, plan.queries // algorithm.rule.queries_per_step)
    settings = Settings(
        plan.fit_steps,
        rate or scale.rates[plan.group],
        prompts=plan.prompts,
        iterations=iterations,
        **plan.settings,
    )
    trainer = Trainer(
        policy,
        task.prompts,
        algorithm,
        Sampled(judge, task.length),
        tau=tau,
        settings=settings,
        measure=measure,
        seed=seed,
        game=task.name,
    )
    trainer.run(iterations)
    return {
        "records": trainer.records,
        "masses": visited[-1].tolist(),
        "final": task.measure(policy, seed=seed, draws=scale.draws),
        "seconds": round(time.perf_counter() - began, 1),
    }


def cache_folder() -> Path:
    """Return where taught models and finished runs are kept: ``NASHSIM_CACHE``, or a folder of the user's cache."""
    return Path(os.environ.get("NASHSIM_CACHE", Path.home() / ".cache" / "nashsim")) / "llm-styled"


def kept_run(task, model, scale: Scale, name: str, seed: int, rate: float | None = None) -> dict:
    """Return a run from its file where it is there, and into it where not, so that what was killed goes on."""
    plan = scale.plan(name)
    rate = rate or scale.rates[plan.group]
    parts = {
        **{"format": 1, "task": task.key, "tau": TAU, "preference": task.preference.tolist(), "beta": BETA},
        **{"name": name, "seed": seed, "rate": rate, "plan": asdict(plan), "draws": scale.draws},
    }
    key = sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
    path = cache_folder() / "runs" / f"{name}-{seed}-{key}.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, to_json({**parts, **run_one(task, model, scale, name, seed, rate)}) + "\n")
    return json.loads(path.read_text())
