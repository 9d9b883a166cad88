"""Many games side by side on a torch device, in float64: the table of a rule as tensor operations."""

from __future__ import annotations

import importlib.util

import numpy as np

from ..errors import NashsimError
from ..game import PreferenceGame
from ..rules import POLICY, REFERENCE, Rule
from .codes import ARITHMETIC, MIX
from .feedback import Feedback
from .layouts import ABSENT
from .table import SEGMENT, tabulate


class TorchDrive:
    """A rule of mirror steps on a stack of games, from several starts, with exact queries.

    Each iteration is a handful of launches whatever the number of games: it pays from thousands of games on a GPU,
    and on a CPU serves to test that path.

    Parameters
    ----------
    game : PreferenceGame
    rule : Rule
    starts : ndarray, shape (seeds, contexts, actions)
        log pi_0.
    feedback : Feedback
        Exact; see ``require_torch``.
    streams : ndarray
        Not used: exact feedback has no noise.
    jobs : int
        Not used: the device has its own threads.
    device : str
        Torch device, as ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.
    """

    def __init__(
        self, game: PreferenceGame, rule: Rule, starts, feedback: Feedback, streams, jobs=1, *, device: str
    ):
        import torch

        self.game, self.rule, self._device = game, rule, torch.device(device)
        self._skew = self._tensor(game.preference.dense())
        reference = np.broadcast_to(game.log_reference, starts.shape)
        first = [reference if begins == REFERENCE else starts for begins in rule.init.values()]
        self._logits = [self._tensor(np.maximum(policy, ABSENT)) for policy in first]
        self._policies = [logits.exp() for logits in self._logits]
        self._total = torch.zeros_like(self._logits[0])
        self._slot, self._t = list(rule.init).index(POLICY), 0

    def _tensor(self, array: np.ndarray):
        import torch

        return torch.tensor(array, dtype=torch.float64, device=self._device)

    def advance(self, t0: int, t1: int) -> None:
        """Do the iterations ``t0 <= t < t1``."""
        for a in range(t0, t1, SEGMENT):
            table = tabulate(self.rule, self.game.tau, a, min(a + SEGMENT, t1))
            rows = slice(0, 1) if self.rule.stationary else slice(None)
            base, opponent, eta = (array[rows].tolist() for array in (table.base, table.opponent, table.eta))
            query, into = table.query.tolist(), table.into.tolist()
            counted = int(np.flatnonzero(table.query)[-1])
            for t in range(min(a + SEGMENT, t1) - a):
                row = t if len(base) > 1 else 0
                for stage, target in enumerate(into):
                    if stage == counted:
                        self._total += self._policies[table.played]
                    logits = _mixture(base[row][stage], self._logits)
                    if query[stage] != MIX:
                        margin = self._margin(opponent[row][stage], query[stage])
                        logits = logits.add(margin, alpha=eta[row][stage])
                    self._logits[target] = logits.log_softmax(-1)
                    self._policies[target] = logits.softmax(-1)
        self._t = t1

    def _margin(self, weights: list[float], query: int):
        """Return A pi of a stage's opponent, one product a context for all seeds."""
        import torch

        used = [slot for slot, weight in enumerate(weights) if weight]
        if len(used) == 1 and weights[used[0]] == 1.0:
            policy = self._policies[used[0]]
        elif query == ARITHMETIC:
            policy = _mixture(weights, self._policies)
        else:
            policy = _mixture(weights, self._logits).softmax(-1)
        return torch.einsum("cij,scj->sci", self._skew, policy)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return everything that the next iteration depends on, for a checkpoint."""
        logits, policies = (_array(tensors) for tensors in (self._logits, self._policies))
        total = self._total.cpu().numpy()
        return {"logits": logits, "policies": policies, "total": total, "t": np.array(self._t)}

    def restore(self, saved: dict[str, np.ndarray]) -> None:
        """Go back to the state of a checkpoint."""
        self._logits = [self._tensor(array) for array in saved["logits"]]
        self._policies = [self._tensor(array) for array in saved["policies"]]
        self._total, self._t = self._tensor(saved["total"]), int(saved["t"])

    def state(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the log-policies and the average iterates, each of shape (seeds, contexts, actions)."""
        logits = self._logits[self._slot].cpu().numpy()
        log_policy = np.where(logits < 0.5 * ABSENT, -np.inf, logits)
        return log_policy, self._total.cpu().numpy() / self._t if self._t else np.exp(log_policy)


def _mixture(weights: list[float], tensors: list):
    """Return sum_k w_k x_k over the slots in use."""
    parts = [
        tensor if weight == 1.0 else weight * tensor
        for weight, tensor in zip(weights, tensors, strict=True)
        if weight
    ]
    return sum(parts[1:], start=parts[0])


def _array(tensors: list) -> np.ndarray:
    return np.stack([tensor.cpu().numpy() for tensor in tensors])


def require_torch(
    device: str, rule: Rule, mirror: bool, feedback: Feedback, game: PreferenceGame, path: str
) -> None:
    """Raise NashsimError unless a run can be done on a torch device.

    Parameters
    ----------
    device : str
    rule : Rule
    mirror : bool
        Whether the rule is of mirror steps only.
    feedback : Feedback
    game : PreferenceGame
    path : str
    """
    if path != "compiled":
        raise NashsimError(f"device: path {path!r} has no device; leave one of them out")
    game.require_kl(f"device {str(device)!r} does the steps of KL alone")
    if not mirror or feedback.kind != "exact":
        what = f"{feedback.kind!r} feedback" if mirror else f"{rule.name!r}"
        raise NashsimError(
            f"device: mirror steps with exact feedback run on a torch device, found {what}; leave device out"
        )
    if importlib.util.find_spec("torch") is None:
        raise NashsimError("device: torch is not installed; install it by: pip install 'nashsim[llm]'")
    import torch

    try:
        torch.zeros(1, dtype=torch.float64, device=device)
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise NashsimError(
            f"device: {str(device)!r} cannot be used in float64 ({reason}); 'cpu' always can"
        ) from None
