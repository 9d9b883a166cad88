"""Policy gradients on sampled duels, told again: the model's weights, but draws, coins and credit by NumPy.

Steps on weights are no steps on a table, so that the noise of a tabular run says nothing of a transformer's. This twin
has the transformer's weights and the rule's coefficients, and shares nothing else with the trainer: responses are
drawn from the enumerated table, and the weights go along E_batch[sum_t credit(y, t) log pi(y_t | x, y_<t)], written
as sums over the table.
"""

import numpy as np
import torch
from torch.nn.utils import clip_grad_norm_, parameters_to_vector, vector_to_parameters

from nashsim.rules import POLICY, REFERENCE, GradientStep

#: How a batch estimates the climb: single responses in one duel each, their own pair's winner, or a common comparator.
SINGLE, WINNER, COMMON = "single", "winner", "common"


class WeightsTwin:
    """One run.

    Parameters
    ----------
    task : EnumerableTask
    rule : Rule
    estimator : str
    pairs : int
        Responses a prompt, or pairs of them, an iteration.
    settings : Settings
        Of the optimiser: its name, rate and clip.
    seed : int
    """

    def __init__(self, task, rule, estimator, pairs, settings, seed):
        self.task, self.rule, self.estimator, self.pairs = task, rule, estimator, pairs
        self.settings, self.rng, self.t = settings, np.random.default_rng(seed), 0
        self.model = task.build_model()
        self.start = parameters_to_vector(self.model.parameters()).detach()
        self.weights, self.optimisers = {}, {}
        words = task.enumeration
        rows = [(*prompt, *y[:-1]) for prompt in task.prompts for y in words.tokens.tolist()]
        self.inputs, self.first = torch.tensor(rows), len(task.prompts[0]) - 1
        self.chosen = torch.as_tensor(words.tokens)[None, :, :, None]
        self.real = torch.as_tensor(np.arange(words.length) < words.lengths[:, None])
        beats = np.array(task.preference)[np.ix_(task.classes, task.classes)]
        # A response against itself is no duel: the diagonal, and nothing else, is 1/2 without a coin.
        self.beats, self.same = beats, np.eye(len(beats), dtype=bool)
        self.reference = self.tables([REFERENCE])[REFERENCE]

    def next_token(self, name):
        """log pi(. | x, y_<t) of every response, shape (prompts, responses, T, V), of a named policy's weights."""
        # The parameters become views of the vector: without a copy the optimiser would move what is kept.
        vector_to_parameters(self.weights.get(name, self.start).clone(), self.model.parameters())
        logits = self.model(input_ids=self.inputs).logits[:, self.first :].double()
        return logits.log_softmax(-1).view(len(self.task.prompts), *self.real.shape, -1)

    def along(self, table):
        """Log-probabilities of the tokens of every response, shape (prompts, responses, T)."""
        return table.gather(-1, self.chosen.expand(len(table), -1, -1, -1))[..., 0] * self.real

    def tables(self, names):
        """Next-token tables of named policies, without gradients."""
        with torch.no_grad():
            return {name: self.next_token(name) for name in names}

    def opponent(self, step, tables):
        """log q of every response, shape (prompts, responses): mixed by token, of pairs by whole response."""
        named = {name: float(w) for name, w in step.opponent.items() if float(w)}
        if self.estimator == SINGLE:
            return self.along(sum(w * tables[k] for k, w in named.items()).log_softmax(-1)).sum(-1)
        return sum(w * self.along(tables[k]).sum(-1) for k, w in named.items()).log_softmax(-1)

    def draw(self, log_q):
        """Responses of every prompt, shape (prompts, pairs)."""
        return np.array([self.rng.choice(len(q), self.pairs, p=q / q.sum()) for q in np.exp(log_q.numpy())])

    def duel(self, first, second):
        """1 for a won coin, 0 for a lost one, 1/2 of a response against itself."""
        won = self.rng.random(first.shape) < self.beats[first, second]
        return np.where(self.same[first, second], 0.5, won)

    def credit(self, score, own, opponent):
        """What the batch says of every token, shape (prompts, responses, T): the climb is sum credit log pi."""
        total, rows = torch.zeros_like(score), np.arange(len(score))[:, None]
        y = self.draw(opponent if self.estimator == WINNER else own)
        if self.estimator == SINGLE:
            outcome = self.duel(y, self.draw(opponent)) - 0.5
            # The score of this token and of all that come after it.
            to_go = score.flip(-1).cumsum(-1).flip(-1)
            return add(total, y, to_go[rows, y] + torch.as_tensor(outcome)[..., None])
        other = self.draw(opponent if self.estimator == WINNER else own)
        if self.estimator == WINNER:
            outcome = self.duel(y, other) - 0.5
        else:
            z = self.draw(opponent)
            outcome = self.duel(y, z) - self.duel(other, z)
        whole = score.sum(-1)
        said = (torch.as_tensor(outcome) + whole[rows, y] - whole[rows, other])[..., None] / 2
        said = said.expand(-1, -1, total.shape[-1])
        return add(add(total, y, said), other, -said)

    def climb(self, step):
        """Go one optimiser step from the weights of ``home(step)``."""
        at, weights = home(step), climbed(step)
        named = {*weights, *step.opponent} - {at}
        tables = self.tables(named - {REFERENCE}) | {REFERENCE: self.reference}
        # Last, so that the model holds the weights that move.
        live = self.next_token(at)
        tables[at] = live.detach()
        score = sum(w * self.along(tables[name]) for name, w in weights.items())
        credit = self.credit(score, self.along(tables[at]).sum(-1), self.opponent(step, tables))
        loss = -(credit * self.along(live)).sum() / (self.pairs * len(credit))
        optimiser = self.optimisers.setdefault(step.into, self.new_optimiser())
        optimiser.zero_grad()
        loss.backward()
        clip_grad_norm_(self.model.parameters(), self.settings.clip)
        optimiser.step()
        self.weights[step.into] = parameters_to_vector(self.model.parameters()).detach()

    def new_optimiser(self):
        make = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[self.settings.optimiser]
        return make(self.model.parameters(), lr=self.settings.lr)

    def step(self):
        """Do one iteration of the rule."""
        for step in self.rule.steps(self.task.tau, self.t):
            if step.opponent:
                self.climb(step)
            else:
                parts = {name: float(w) for name, w in step.base.items() if float(w)}
                self.weights[step.into] = sum(w * self.weights.get(k, self.start) for k, w in parts.items())
        self.t += 1

    def floor(self, iterations, measure):
        """The mean of the exact gap over the second half of a run."""
        found = []
        for t in range(iterations):
            self.step()
            if t >= iterations - iterations // 2:
                log_policy = self.along(self.tables([POLICY])[POLICY]).sum(-1)
                found.append(measure(log_policy.numpy())["duality_gap"])
        return np.mean(found)


def add(total, responses, said):
    """Add what was said of drawn responses, shape (prompts, pairs, T), where they stand in the table."""
    rows = torch.arange(len(total))[:, None]
    return total.index_put((rows, torch.as_tensor(responses)), said, accumulate=True)


def home(step):
    """Whose weights move: extragradient steps begin twice from the policy."""
    return step.at if isinstance(step, GradientStep) else POLICY


def climbed(step):
    """Weights of the log-policies in what is climbed; a mirror step's vanish where it rests, (base - policy)/eta."""
    if isinstance(step, GradientStep):
        return dict(step.score)
    score = {name: float(w) / float(step.eta) for name, w in step.base.items()}
    score[POLICY] = score.get(POLICY, 0.0) - 1 / float(step.eta)
    return score
