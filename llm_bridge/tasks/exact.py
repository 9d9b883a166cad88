"""Training on an enumerable task, measured exactly at every record."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from nashsim.errors import NashsimError
from nashsim.rules import POLICY, REFERENCE, Rule

from ..algorithms import Algorithm, get_algorithm
from ..policy.causal_policy import CausalPolicy
from ..training.settings import Settings
from ..training.source import Source
from ..training.trainer import Trainer
from . import EnumerableTask, class_log_masses
from .enumerated_source import Enumerated


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
        Class masses of the exact Nash, averaged over prompts.
    trainer : Trainer
    """

    game: str
    rule: str
    seed: int
    records: list[dict]
    log_policy: np.ndarray
    log_equilibrium: np.ndarray
    equilibrium_masses: np.ndarray
    trainer: Trainer

    @property
    def model(self) -> torch.nn.Module:
        """The trained model."""
        return self.trainer.policy.model

    def frame(self):
        """Return the records as a tidy DataFrame: game, rule, seed, step, queries, metric, value."""
        return self.trainer.frame()


class ExactMeasure:
    """Exact metrics of a policy on an enumerable task: those of ``EnumerableMeasure``, and the unregularised gap.

    ``average_unregularised_gap`` is that of the mean of the policies measured since the first, as in tabular runs.

    Parameters
    ----------
    enumerated : Enumerated
    log_reference : ndarray, shape (prompts, responses)
    """

    def __init__(self, enumerated: Enumerated, log_reference: np.ndarray):
        self.enumerated, self.measure = enumerated, enumerated.task.measure_against(log_reference)
        self._total: np.ndarray = np.zeros(())
        self._count = 0

    def __call__(self, policy: CausalPolicy) -> dict[str, float]:
        """Return the metrics of the policy in the live weights.

        Parameters
        ----------
        policy : CausalPolicy
        """
        table = self.enumerated.table(policy, POLICY).log_softmax(-1).cpu().numpy()
        task = self.enumerated.task
        masses = np.exp(class_log_masses(table, task.classes, len(task.names)))
        if self._count:
            self._total = self._total + masses
        self._count += 1
        average = self._total / (self._count - 1) if self._count > 1 else masses
        return self.measure(table) | {
            "unregularised_gap": self._unregularised(masses),
            "average_unregularised_gap": self._unregularised(average),
        }

    def state_dict(self) -> dict:
        """Return the running sum behind the average, as JSON-able numbers."""
        return {"total": np.asarray(self._total).tolist(), "count": self._count}

    def load_state_dict(self, state: dict) -> None:
        """Go on from ``state_dict()``.

        Parameters
        ----------
        state : dict
        """
        self._total, self._count = np.array(state["total"]), state["count"]

    def _unregularised(self, masses: np.ndarray) -> float:
        """2 (max_c P(c ≻ masses) - 1/2), averaged over prompts."""
        payoff = masses @ np.asarray(self.enumerated.task.preference).T
        return float(2 * (payoff.max(axis=1) - 0.5).mean())


def train(
    task: EnumerableTask,
    rule: str | Rule | Algorithm,
    *,
    queries: int = 30,
    settings: Settings | None = None,
    source: Source | None = None,
    seed: int = 0,
    record: int = 1,
) -> Training:
    """Train the task's language model by an algorithm and measure every record exactly.

    Parameters
    ----------
    task : EnumerableTask
    rule : str, Rule or Algorithm
        Argument of ``get_algorithm``.
    queries : int
        Budget of payoff vectors, as for ``nashsim.run``: a two-call rule spends two an iteration.
    settings : Settings or None
        ``None`` is ``Settings.enumerated``.
    source : Source or None
        Where responses are sampled and judged; ``None`` takes exact expectations over all of them.
    seed : int
        Seed of samples and coins; the model's weights are the task's.
    record : int
        Iterations between records.

    Returns
    -------
    Training

    Raises
    ------
    NashsimError
        For an unknown name, or a budget below one iteration.
    """
    algorithm = get_algorithm(rule)
    iterations = queries // algorithm.rule.queries_per_step
    if iterations < 1 or record < 1:
        raise NashsimError(
            f"queries, record: {algorithm.name} needs a budget of at least {algorithm.rule.queries_per_step} queries"
            f" and record >= 1, found {queries} and {record}"
        )
    policy = CausalPolicy(task.build_model(), eos=0, pad=0)
    enumerated = Enumerated(task)
    measure = ExactMeasure(enumerated, enumerated.table(policy, REFERENCE).log_softmax(-1).cpu().numpy())
    trainer = Trainer(
        policy,
        task.prompts,
        algorithm,
        source or enumerated,
        tau=task.tau,
        settings=settings or Settings.enumerated(algorithm),
        measure=measure,
        seed=seed,
        game=task.name,
    )
    trainer.run(iterations, record)
    nash = measure.measure
    return Training(
        task.name,
        algorithm.name,
        seed,
        trainer.records,
        enumerated.table(policy, POLICY).log_softmax(-1).cpu().numpy(),
        nash.log_equilibrium,
        np.exp(nash.game.log_equilibrium).mean(axis=0),
        trainer,
    )
