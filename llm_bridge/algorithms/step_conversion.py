"""From a gradient step to the mirror step where it rests, and back."""

from __future__ import annotations

from nashsim.errors import NashsimError
from nashsim.rules import POLICY, GradientStep, MirrorStep


def stationary(step: GradientStep) -> MirrorStep:
    """Return the mirror step onto the zero of a gradient step's climb, its opponent held fixed.

    P(. ≻ opponent) + sum_k score[k] log k is constant where log at = sum_{k != at} (score[k]/c) log k
    + (1/c) P(. ≻ opponent) + const, c = -score[at]. Its regression loss is IPO's: descent on it, pairs from the
    policy itself, climbs 4/tau times as fast as the gradient step [derived].

    Examples
    --------
    >>> from nashsim.rules import OnlineIPO
    >>> stationary(OnlineIPO().steps(0.5, 0)[0]).base, stationary(OnlineIPO().steps(0.5, 0)[0]).eta
    ({'reference': 1.0}, 2.0)
    """
    pull = -float(step.score.get(step.at, 0.0))
    if not pull > 0:
        raise NashsimError(
            f"step: only a climb with a pull on {step.at!r} has a zero, found the score {step.score}"
        )
    base = {name: float(weight) / pull for name, weight in step.score.items() if name != step.at}
    return MirrorStep(base, step.opponent, 1 / pull, into=step.into)


def climbing(step: MirrorStep) -> GradientStep:
    """Return the gradient step that vanishes, its opponent held fixed, where a mirror step rests.

    score[k] = (base[k] - [k = policy])/eta, so that one rate eta of it on logits that all responses share equally is
    the mirror step itself [derived].

    Examples
    --------
    >>> from nashsim.rules import EGPO
    >>> half, full = (climbing(step) for step in EGPO(step=0.5).steps(0.5, 0))
    >>> full.score, full.opponent, stationary(full).eta
    ({'policy': -0.5, 'reference': 0.5}, {'half': 1.0}, 2.0)
    """
    eta = float(step.eta)
    names = dict.fromkeys([POLICY, *step.base])
    score = {name: (float(step.base.get(name, 0.0)) - (name == POLICY)) / eta for name in names}
    return GradientStep(step.opponent, {k: w for k, w in score.items() if w != 0.0}, eta, into=step.into)
