"""Judges that others made: pairwise ones as they are, scalar rewards marked as Bradley-Terry."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from nashsim.errors import NashsimError

from ..judges import CallableJudge, Comparison

#: What a reward cannot be, said wherever one is used as a judge.
FORBIDS = (
    "Bradley-Terry: preferences of a reward are transitive, so this judge has no cycles, its unregularised equilibrium"
    " is the response of highest reward, and nothing measured with it tells of cyclic preferences"
)


class RewardJudge:
    """P(a ≻ b) = sigma((r(x, a) - r(x, b))/scale) of a scalar reward model.

    Parameters
    ----------
    rewards : callable
        Function ``rewards(prompts, responses)`` that returns one finite number each.
    scale : float
        Reward per unit of log-odds, > 0.

    Attributes
    ----------
    bradley_terry : bool
        Whether its preferences are those of a reward: True.
    forbids : str
        Sentence on what that rules out.

    Examples
    --------
    >>> judge = RewardJudge(lambda prompts, responses: [float(len(r)) for r in responses])
    >>> judge([Comparison("q", "aa", "b")]).round(3)
    array([0.731])
    """

    bradley_terry = True
    forbids = FORBIDS

    def __init__(self, rewards: Callable, scale: float = 1.0):
        if not (np.isfinite(scale) and scale > 0):
            raise NashsimError(f"scale: a finite number > 0 is needed, found {scale!r}")
        self.rewards, self.scale = rewards, float(scale)

    def __call__(self, comparisons: Sequence[Comparison]) -> np.ndarray:
        """Return P(a ≻ b) for every comparison, shape (batch,)."""
        if not comparisons:
            return np.empty(0)
        # Each response is scored once, however many others it meets.
        asked = dict.fromkeys((c.prompt, y) for c in comparisons for y in (c.a, c.b))
        values = np.asarray(self.rewards([x for x, _ in asked], [y for _, y in asked]), dtype=np.float64)
        if values.shape != (len(asked),) or not np.isfinite(values).all():
            raise NashsimError(
                f"rewards: {len(asked)} finite numbers are needed, found shape {values.shape} with"
                f" {int((~np.isfinite(values)).sum())} that are not finite"
            )
        of = dict(zip(asked, values, strict=True))
        difference = np.array([of[c.prompt, c.a] - of[c.prompt, c.b] for c in comparisons])
        return 0.5 + 0.5 * np.tanh(0.5 * difference / self.scale)

    def tokens_needed(self, prompt, length: int) -> tuple[int, int | None]:
        """Return the tokens of a prompt with a response of some length, and the most of a classifier.

        Parameters
        ----------
        prompt : str or tuple of (str, str)
            Text or turns.
        length : int
            Tokens of a response.
        """
        ask = getattr(self.rewards, "tokens_needed", None)
        return (0, None) if ask is None else ask(prompt, length)

    @classmethod
    def of_classifier(cls, model, tokenizer, *, batch: int = 16, scale: float = 1.0) -> RewardJudge:
        """Return the judge of a sequence classifier with one output, the usual form of published reward models.

        Parameters
        ----------
        model : transformers.PreTrainedModel
            Model of ``AutoModelForSequenceClassification`` with ``num_labels=1``.
        tokenizer : transformers.PreTrainedTokenizerBase
            Tokenizer, whose chat template is used where it has one.
        batch : int
            Most responses of a forward pass.
        scale : float
            Reward per unit of log-odds.

        Raises
        ------
        NashsimError
            For a classifier of more than one output; later, for turns without a template or rows beyond its context.
        """
        from ..judges.classifier import ClassifierRewards

        return cls(ClassifierRewards(model, tokenizer, batch), scale)


class PairwiseJudgeAdapter(CallableJudge):
    """An existing pairwise judge of text: ``judge(prompts, completions)`` as TRL's judges have it.

    Parameters
    ----------
    judge : object or callable
        Object with ``judge(prompts, completions)``, or a function of both: ``completions`` are pairs; the answer is the
        index of the better one (0 or 1), or a probability that the first is better where ``probabilities`` is set.
    probabilities : bool
        Whether the answers are probabilities.
    decode : callable or None
        Function from token ids to text, for policies whose responses are ids.
    **options
        Further arguments of CallableJudge, ``both_orders`` and ``cache`` among them.

    Raises
    ------
    NashsimError
        For an answer that is no index: TRL's judges say -1 where they failed.

    Examples
    --------
    >>> judge = PairwiseJudgeAdapter(lambda prompts, pairs: [int(len(b) > len(a)) for a, b in pairs])
    >>> judge([Comparison("q", "long", "s"), Comparison("q", "s", "long")])
    array([1., 0.])
    """

    bradley_terry = False

    def __init__(self, judge, *, probabilities: bool = False, decode: Callable | None = None, **options):
        ask = getattr(judge, "judge", judge)
        if not callable(ask):
            raise NashsimError(f"judge: a callable, or an object with .judge, is needed, found {judge!r:.60}")

        def text(part):
            return part if decode is None or isinstance(part, str) else decode(part)

        def function(comparisons):
            pairs = [[text(c.a), text(c.b)] for c in comparisons]
            found = np.asarray(ask([text(c.prompt) for c in comparisons], pairs), dtype=np.float64)
            if probabilities:
                return found
            if not np.isin(found, (0, 1)).all():
                raise NashsimError("the index of the better one, 0 or 1, is needed for every pair")
            return 1 - found

        super().__init__(function, **options)
