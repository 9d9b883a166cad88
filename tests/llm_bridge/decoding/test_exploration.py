"""Step B's tilt by its definition, the elliptical oracle by brute force, and its two ways to decode."""

import numpy as np
import pytest
import torch

from llm_bridge.decoding.eager import sample
from llm_bridge.decoding.exploration import EllipticalExplorer, draw_class, explore, tilt
from llm_bridge.decoding.features import ClassFeatures, HiddenFeatures
from llm_bridge.decoding.roles import pure
from llm_bridge.judges import ClassGameJudge
from llm_bridge.trainer import Trainer
from llm_bridge.training.source import Sampled
from nashsim import NashsimError

from ..enumerated import PROMPT, counts, enumerated, responses, sequence_level, surprise
from ..models import policy, shake


@pytest.fixture(scope="module")
def made():
    found = policy(vocabulary=4)
    found.snapshot("previous")
    shake(found, 0.2, 11)
    return found


@pytest.mark.parametrize("sign", [1, -1])
def test_tilt_maximises_the_objective_of_step_b(made, sign):
    """No other distribution has more of s E_q[log new - log old] - beta KL(q || old); the other sign has less."""
    batch, beta = enumerated(made, 3), 0.6
    new, old = (made.sequence_log_probs(batch, name).detach() for name in ("policy", "previous"))

    def objective(log_q):
        q = log_q.exp()
        return float((q * (sign * (new - old) - beta * (log_q - old))).sum())

    best = objective(sequence_level(made, batch, tilt(beta, sign)))
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        noise = 0.1 * torch.randn(len(batch), generator=generator, dtype=torch.float64)
        assert best > objective((sequence_level(made, batch, tilt(beta, sign)) + noise).log_softmax(0))
    assert best > objective(sequence_level(made, batch, tilt(beta, -sign))) + 1e-3


def test_bonus_is_the_definition():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 30, 4))
    explorer = EllipticalExplorer(4, ridge=0.7)
    explorer.observe(first[:20], second[:20])
    explorer.observe(first[20:], second[20:])
    V = 0.7 * np.eye(4) + sum(np.outer(d, d) for d in first - second)
    features, mean = rng.normal(size=(3, 5, 4)), rng.normal(size=(3, 4))
    brute = [[(mean[i] - f) @ np.linalg.inv(V) @ (mean[i] - f) for f in features[i]] for i in range(3)]
    assert np.abs(explorer.bonus(features, mean[:, None]) - brute).max() < 1e-12
    assert (explorer.best_of(features, mean) == np.argmax(brute, axis=1)).all()


def test_the_least_compared_class_is_picked():
    explorer, classes = EllipticalExplorer(3), np.eye(3)
    pi = np.array([0.6, 0.39, 0.01])
    for first, second, times in ((0, 1, 50), (0, 2, 1)):
        explorer.observe(np.repeat(classes[[first]], times, 0), np.repeat(classes[[second]], times, 0))
    assert explorer.bonus(classes, pi).argmax() == 2
    explorer.observe(np.repeat(classes[[0]], 500, 0), np.repeat(classes[[2]], 500, 0))
    assert explorer.bonus(classes, pi).argmax() == 1


OPENINGS = [[2], [1, 3], [0]]


def first_token_features():
    place = {token: c for c, tokens in enumerate(OPENINGS) for token in tokens}
    return ClassFeatures(lambda prompt, response: place[response[0]], 3, OPENINGS)


def test_class_masses_are_those_of_the_enumeration(made):
    every, features = responses(4, 3), first_token_features()
    exact = made.sequence_log_probs(enumerated(made, 3)).detach().exp().numpy() @ features(
        made, [PROMPT] * len(every), every
    )
    assert np.abs(features.masses(made, [PROMPT, PROMPT]) - exact).max() < 1e-6


def test_the_oracle_looks_at_the_class_of_the_largest_bonus(made):
    explorer, features = EllipticalExplorer(3, ridge=0.1), first_token_features()
    explorer.observe(np.repeat(np.eye(3)[[0]], 9, 0), np.repeat(np.eye(3)[[1]], 9, 0))
    wanted = explorer.bonus(np.eye(3), features.masses(made, [PROMPT])).argmax()
    found = explore(explorer, features, made, [PROMPT] * 20, 3, seed=4)
    assert {features.classify(None, y) for y in found} == {wanted}
    assert len(set(found)) > 1 or OPENINGS[wanted] == [0]


def test_best_of_candidates_is_the_largest_bonus_of_all_that_were_drawn(made):
    features, drawn = HiddenFeatures(rows=7), []

    def engine(policy, prompts, roles, length):
        found = sample(policy, prompts, roles, length)
        drawn.append({name: part.sequences.responses() for name, part in found.items()})
        return found

    explorer = EllipticalExplorer(features.width(made), ridge=0.5)
    explorer.observe(features(made, [PROMPT] * 2, [(1, 2, 0), (3, 0)]), np.zeros((2, features.width(made))))
    prompts = [PROMPT, (2, 1)]
    found = explore(explorer, features, made, prompts, 3, candidates=5, seed=1, engine=engine)
    [said] = drawn
    for i, prompt in enumerate(prompts):
        mine = {name: y[5 * i : 5 * i + 5] for name, y in said.items()}
        phi = {name: features(made, [prompt] * 5, y) for name, y in mine.items()}
        bonus = {name: explorer.bonus(p, phi["policy"].mean(0)) for name, p in phi.items()}
        best = max((b, name, k) for name, row in bonus.items() for k, b in enumerate(row))
        assert mine[best[1]][best[2]] == found[i]


class Rare:
    """Prompts answered by one token; class 2 has mass e^-9, and always wins."""

    features = first_token_features()
    prompts = [(1, 2), (2, 3), (3, 1)]

    @staticmethod
    def policy():
        found = policy(vocabulary=4)
        with torch.no_grad():
            head = found.model.get_output_embeddings()
            head.weight.zero_()
            head.bias = torch.nn.Parameter(torch.tensor([-9.0, 0.0, 0.0, 0.0], dtype=torch.float64))
        found.snapshot("reference")
        return found

    def trainer(self, name, seed=0):
        judge = ClassGameJudge(np.array([[0.5, 0.5, 0], [0.5, 0.5, 0], [1, 1, 0.5]]), self.features.classify)
        source = Sampled(judge, 1, features=self.features)
        return Trainer(self.policy(), self.prompts * 4, name, source, tau=0.1, seed=seed)


def test_the_trainer_finds_what_steps_b_does_not():
    """The tilt of two equal policies is the policy itself [derived]; the oracle compares every class at once."""
    for name, finds in (("enpo-oracle", True), ("enpo", False)):
        trainer = Rare().trainer(name)
        trainer.run(3)
        seen = {Rare.features.classify(x, y) for x, *sides in trainer.buffer for side in sides for y in side}
        assert (2 in seen) == finds
    assert seen == {0, 1}


def test_the_oracle_takes_in_every_collected_pair():
    trainer = Rare().trainer("enpo-oracle").run(2)
    V = np.eye(3)
    for x, first, second in trainer.buffer:
        for a, b in zip(first, second, strict=True):
            difference = Rare.features(None, [x], [a])[0] - Rare.features(None, [x], [b])[0]
            V += np.outer(difference, difference)
    assert len(trainer.buffer) == 24
    assert np.abs(trainer.explorer.inverse @ V - np.eye(3)).max() < 1e-10


def test_an_oracle_that_does_not_learn_what_was_compared_looks_at_one_class_for_ever(monkeypatch):
    def looked_at(trainer):
        return [{Rare.features.classify(x, b[0]) for x, _, b in trainer.buffer[i : i + 12]} for i in (0, 12)]

    healthy = looked_at(Rare().trainer("enpo-oracle").run(2))
    monkeypatch.setattr(EllipticalExplorer, "observe", lambda *_: None)
    assert healthy[0] != healthy[1]
    faulty = looked_at(Rare().trainer("enpo-oracle").run(2))
    assert faulty[0] == faulty[1] == {2}


def test_constrained_decoding_draws_from_the_class(made):
    every, batch = responses(4, 3), enumerated(made, 3)
    inside = torch.tensor([response[0] in (1, 3) for response in every])
    exact = made.sequence_log_probs(batch).detach().masked_fill(~inside, -torch.inf).log_softmax(0)
    found = draw_class(made, [PROMPT] * 3000, [1] * 3000, [[2], [1, 3]], 3, role=pure())
    assert all(response[0] in (1, 3) for response in found.sequences.responses())
    assert surprise(counts(found.sequences, every), exact) < 1


def test_pooled_states_are_of_the_response_alone_and_do_not_see_padding(made):
    prompts, answers = [(1, 2, 3), (2,)], [(3, 0), (1, 1, 2)]
    features, ids = HiddenFeatures(), torch.tensor([[1, 2, 3, 3, 0]])
    found = features(made, prompts, answers)
    assert np.abs(found[1] - features(made, prompts[1:], answers[1:])[0]).max() < 1e-5
    for name, close in (("reference", True), ("policy", False)):
        with torch.no_grad():
            hidden = made.run(name, "hidden", ids, torch.ones_like(ids).bool())[0, 3:].mean(0)
        assert (np.abs(found[0] - hidden.double().numpy()).max() < 1e-5) == close


def test_bad_numbers_are_named():
    with pytest.raises(NashsimError, match="beta"):
        tilt(0.0)
    with pytest.raises(NashsimError, match="ridge"):
        EllipticalExplorer(3, ridge=0)
    with pytest.raises(NashsimError, match="openings"):
        ClassFeatures(lambda x, y: 0, 2, [[1], []])
