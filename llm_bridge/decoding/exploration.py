"""Where to look next: ENPO's Step B tilt, and the elliptical oracle over response features.

Step B alone does not explore: before the decisive response is drawn, pi_{t+1} = pi_t and the tilt is the identity
[derived]. The oracle looks where little has been compared.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from nashsim.errors import NashsimError
from nashsim.rules import POLICY, REFERENCE

from ..policy.causal_policy import CausalPolicy
from .eager import sample
from .features import Features
from .roles import Drawn, Engine, Role, pure


def tilt(beta: float = 0.05, sign: int = 1, *, new: str = POLICY, old: str = "previous") -> dict[str, float]:
    """Return the weights of ENPO's Step B, pihat ∝ old (new/old)^{sign/beta}, the policy that only samples.

    It maximises sign E_q[log new - log old] - beta KL(q || old). Give the weights to ``sequence_mixture`` for the tilt
    of whole responses, to ``Role`` for that of logits, which is another distribution [derived].

    Parameters
    ----------
    beta : float
        Weight beta > 0 of the divergence; 0.05 in the language-model recipe [code].
    sign : int
        Direction of the tilt, 1 or -1.
    new, old : str
        Names of pi_{t+1} and pi_t.

    References
    ----------
    Nan et al., arXiv 2606.01382, Algorithm 2 [code].

    Examples
    --------
    >>> tilt(0.5)
    {'previous': -1.0, 'policy': 2.0}
    """
    if not beta > 0 or sign not in (1, -1):
        raise NashsimError(
            f"beta, sign: beta > 0 and a sign of 1 or -1 are needed, found {beta!r} and {sign!r}"
        )
    return {old: 1 - sign / beta, new: sign / beta}


class EllipticalExplorer:
    """The opponent on which two policies that agree on all collected pairs can disagree most.

    It looks for argmax_y (m - phi(y))^T V^{-1} (m - phi(y)), m = E_{y ~ pi} phi(y), V = ridge I +
    sum over collected pairs of (phi(y) - phi(y'))(phi(y) - phi(y'))^T.

    Parameters
    ----------
    features : int
        Dimension of phi: style classes, or the width of pooled hidden states.
    ridge : float
        Weight of the identity in V, > 0.

    References
    ----------
    Nan et al., arXiv 2606.01382, Eq. (3), reconstructed; the unnormalised V is the usual elliptical form [derived].
    """

    def __init__(self, features: int, ridge: float = 1.0):
        if features < 1 or not ridge > 0:
            raise NashsimError(f"features, ridge: both must be > 0, found {features} and {ridge}")
        self.inverse = np.eye(features) / ridge

    def observe(self, first, second) -> None:
        """Take in compared pairs, by rank-one updates of V^{-1}.

        Parameters
        ----------
        first, second : array_like, shape (pairs, features)
            Features of the two responses of every pair.
        """
        for difference in np.atleast_2d(np.asarray(first, float) - np.asarray(second, float)):
            pulled = self.inverse @ difference
            self.inverse = self.inverse - np.outer(pulled, pulled) / (1 + difference @ pulled)

    def bonus(self, features, mean) -> np.ndarray:
        """Return (m - phi)^T V^{-1} (m - phi), shape (...).

        Parameters
        ----------
        features : array_like, shape (..., features)
            Features of candidates.
        mean : array_like, shape (features,) or (..., features)
            Mean features m of the policy.
        """
        away = np.asarray(mean, float) - np.asarray(features, float)
        return np.einsum("...i,ij,...j->...", away, self.inverse, away)

    def best_of(self, features, mean) -> np.ndarray:
        """Return the index of the least-compared candidate of every prompt, shape (prompts,).

        Parameters
        ----------
        features : array_like, shape (prompts, K, features)
            Features of the candidates of every prompt.
        mean : array_like, shape (prompts, features)
            Mean features of the policy on every prompt.
        """
        return self.bonus(features, np.asarray(mean, float)[:, None, :]).argmax(-1)


def draw_class(
    policy: CausalPolicy,
    prompts: Sequence[Sequence[int]],
    wanted: Sequence[int],
    openings: Sequence[Sequence[int]],
    length: int,
    *,
    role: Role,
) -> Drawn:
    """Return responses of wanted style classes by constrained decoding of the first token, which fixes the style.

    They are exact draws from the role given the class, where the class is given by its opening tokens.

    Parameters
    ----------
    policy : CausalPolicy
        Policy with all that the role names.
    prompts : sequence of sequences of int
        Token ids of every prompt.
    wanted : sequence of int, length prompts
        Class that each response must have.
    openings : sequence of sequences of int
        Tokens that open each class.
    length : int
        Most tokens of a response.
    role : Role
        Role that the responses are drawn from.
    """
    allowed = torch.zeros(len(prompts), policy.vocabulary, dtype=torch.bool)
    for row, style in zip(allowed, wanted, strict=True):
        row[list(openings[style])] = True
    return sample(policy, prompts, {"explorer": role}, length, allowed=allowed)["explorer"]


def explore(
    explorer: EllipticalExplorer,
    features: Features,
    policy: CausalPolicy,
    prompts: Sequence[Sequence[int]],
    length: int,
    *,
    of: str = POLICY,
    candidates: int = 16,
    seed: int = 0,
    engine: Engine = sample,
) -> list[tuple[int, ...]]:
    """Return the response to every prompt that has been compared least, looked at from the policy.

    Where features are classes with known openings, m is exact, every class is looked at, and the response is drawn from
    the policy given the class, however rare. Otherwise it is the best of K responses of the policy and K of its
    reference, and m is the mean over the policy's K.

    Parameters
    ----------
    explorer : EllipticalExplorer
        Explorer that has observed the pairs compared so far.
    features : Features
        Features of responses.
    policy : CausalPolicy
        Policy to look from.
    prompts : sequence of tuple of int
        Token ids of every prompt.
    length : int
        Most tokens of a response.
    of : str
        Name of pi among the policy's.
    candidates : int
        Number K of candidates of either policy.
    seed : int
        Seed of the responses.
    engine : callable
        Engine that draws the K; constrained decoding has the loop of ``sample``.
    """
    if features.openings is not None:
        every = np.eye(features.width(policy))
        masses = features.masses(policy, prompts, of)
        wanted = explorer.best_of(np.broadcast_to(every, (len(prompts), *every.shape)), masses)
        drawn = draw_class(policy, prompts, wanted, features.openings, length, role=pure(of, seed))
        return drawn.sequences.responses()
    repeated = [prompt for prompt in prompts for _ in range(candidates)]
    roles = {name: pure(name, seed) for name in dict.fromkeys((of, REFERENCE))}
    drawn = {name: d.sequences.responses() for name, d in engine(policy, repeated, roles, length).items()}
    phi = {name: features(policy, repeated, responses) for name, responses in drawn.items()}
    by_prompt = (len(prompts), candidates, -1)
    mean = phi[of].reshape(by_prompt).mean(1)
    best = explorer.best_of(np.concatenate([p.reshape(by_prompt) for p in phi.values()], axis=1), mean)
    responses = list(drawn.values())
    return [responses[k // candidates][i * candidates + k % candidates] for i, k in enumerate(best)]
