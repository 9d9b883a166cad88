"""duelpy's Double Thompson Sampling on request, run by a Python that has it: it needs NumPy < 1.24 and its like.

Reads one JSON line, the matrix; then for every line with a number of rounds answers the processor's seconds that one
fresh learner took for them and its mean Copeland regret over both arms.
"""

import json
import sys
import time

import numpy as np
from duelpy.algorithms import DoubleThompsonSampling
from duelpy.feedback import MatrixFeedback


class Told(MatrixFeedback):
    """The matrix, with the arms of every duel kept."""

    def __init__(self, matrix, random_state):
        super().__init__(matrix, random_state=random_state)
        self.duelled = []

    def duel(self, arm_i_index, arm_j_index):
        """Answer and keep the arms."""
        self.duelled.append((arm_i_index, arm_j_index))
        return super().duel(arm_i_index, arm_j_index)


def main():
    """Answer until the requests end."""
    matrix = np.array(json.loads(sys.stdin.readline()))
    beaten = (matrix > 0.5).sum(axis=1) / (len(matrix) - 1)
    for seed, line in enumerate(sys.stdin):
        rounds, random = int(line), np.random.RandomState(seed)
        told = Told(matrix, random)
        learner = DoubleThompsonSampling(told, time_horizon=rounds + 1, random_state=random)
        began = time.process_time()
        for _ in range(rounds):
            learner.step()
        seconds = time.process_time() - began
        regret = float((beaten.max() - beaten[np.array(told.duelled)]).mean(axis=1).sum())
        print(
            json.dumps({"seconds": seconds, "copeland_regret": regret, "numpy": np.__version__}), flush=True
        )


if __name__ == "__main__":
    main()
