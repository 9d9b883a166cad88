"""Parts of a batch that fit into memory: their losses and gradients are the whole's, and their rows are bounded."""

import zlib

import numpy as np
import pytest
import torch

from llm_bridge.algorithms import get_algorithm
from llm_bridge.algorithms.registry import NAMED
from llm_bridge.cli import call
from llm_bridge.data import Teacher
from llm_bridge.evaluation.text_measure import TextMeasure
from llm_bridge.parallel.processes import Processes
from llm_bridge.trainer import Settings, Trainer
from llm_bridge.training.minibatches import losses_of, parts_of
from llm_bridge.training.source import Sampled
from nashsim.errors import NashsimError
from tests.llm_bridge import models

torch.set_num_threads(1)
PROMPTS = [(1, 2), (3, 4), (5,)]
#: Losses of every kind, responses of two sources, anchors, replay, half steps.
NAMES = tuple(NAMED)


def judge(comparisons):
    """Some preference that no two pairs of responses share."""
    return np.array([0.5 + 0.4 * np.sin(_number(c.a) - _number(c.b)) for c in comparisons])


def _number(response):
    return zlib.crc32(bytes(response)) % 1000


def trainer_of(name, rows=None, teacher=None, **options):
    # GPT-2 computes in float64 throughout, Llama's norms do not.
    policy = models.policy("gpt2", pad=0, rows=rows)
    source = Sampled(judge, 4, candidates=4, teacher=teacher)
    settings = Settings(fit_steps=2, lr=1e-2, optimiser="sgd", clip=1e6, **options)
    measure = TextMeasure(judge, PROMPTS, 4, samples=2)
    return Trainer(policy, PROMPTS, get_algorithm(name), source, tau=0.2, settings=settings, measure=measure)


@pytest.fixture
def forwards(monkeypatch):
    """Rows of every forward pass of a transformer outside decoding, with and without gradients."""
    seen = []

    def hook(module, arguments, options, output):
        if type(module).__name__ == "GPT2Model" and options.get("use_cache") is False:
            seen.append((len(options["input_ids"]), torch.is_grad_enabled()))

    handle = torch.nn.modules.module.register_module_forward_hook(hook, with_kwargs=True)
    yield seen
    handle.remove()


def gradient(policy, losses):
    policy.model.zero_grad()
    total = 0.0
    for loss in losses:
        loss.backward()
        total += float(loss.detach())
    return total, torch.cat([p.grad.flatten() for p in policy.parameters()])


def moved(trainer):
    """A step that asks the judge, and its batch, after an optimiser step."""
    trainer.tick()
    while not trainer.step.opponent:
        trainer.tick()
    step = trainer.algorithm.carried(trainer.step)
    return step, trainer.batch or trainer.judge(trainer.sample(step, trainer.algorithm))


@pytest.mark.parametrize("name", NAMES)
def test_chunked_training_is_the_whole_training(name, forwards):
    """Two iterations of every algorithm: the same weights, the same records, and never more than three rows."""
    found = []
    for rows in (None, 3):
        forwards.clear()
        trainer = trainer_of(name, rows).run(2)
        trainer.make_policy_live()
        found.append((trainer.policy.weights(), trainer.records, list(forwards)))
    (whole, records, free), (parts, same_records, bounded) = found
    for key, weight in whole.items():
        torch.testing.assert_close(parts[key], weight, rtol=1e-9, atol=1e-11)
    for a, b in zip(records, same_records, strict=True):
        assert a == pytest.approx(b, rel=1e-8, abs=1e-10)
    assert max(rows for rows, _ in bounded) <= 3 < max(rows for rows, _ in free)
    # Both kinds of passes are bounded, those of training and those of frozen policies.
    assert {grad for _, grad in bounded} == {True, False} == {grad for _, grad in free}


@pytest.mark.parametrize("name", ["enpo", "xpo", "dno-prct", "sppo", "kto"])
@pytest.mark.parametrize("rows", [2, 5])
def test_minibatches_in_parts(name, rows):
    """A minibatch and its share of the anchor term, cut up: one gradient; some parts hold anchors alone."""
    trainer = trainer_of(get_algorithm(name, **({"alpha": 2.0} if name in ("enpo", "xpo") else {})))
    step, batch = moved(trainer)
    models.shake(trainer.policy, 0.1, seed=3)
    some = torch.arange(0, batch.items, 2)
    told = (trainer.algorithm, step, batch, trainer.policy, some)
    whole, parts = (
        gradient(trainer.policy, losses) for losses in ([models.loss_of(*told)], losses_of(*told, rows=rows))
    )
    assert parts[0] == pytest.approx(whole[0], rel=1e-10)
    torch.testing.assert_close(parts[1], whole[1], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", [n for n in NAMES if not get_algorithm(n).fit.whole_batch])
def test_parts_of_processes_add_up(name):
    trainer = trainer_of(name)
    step, batch = moved(trainer)
    told = (trainer.algorithm, step, batch, trainer.policy, None)
    losses = [loss for rank in range(2) for loss in losses_of(*told, Processes(rank, 2), 2)]
    whole, parts = gradient(trainer.policy, [models.loss_of(*told)]), gradient(trainer.policy, losses)
    assert parts[0] == pytest.approx(whole[0], rel=1e-10, abs=1e-14)
    torch.testing.assert_close(parts[1], whole[1], rtol=1e-9, atol=1e-12)


def test_parts_hold_every_item_and_anchor_once():
    pairs = torch.tensor([[0, 1], [0, 2], [1, 2], [3, 4], [3, 5], [4, 5]])
    parts = parts_of(pairs, torch.tensor([6, 7, 8]), None, Processes(), 3)
    assert [part.items.tolist() for part in parts] == [
        [0, 1, 2],
        [3, 4, 5],
        [],
    ]  # pairs of a prompt share rows
    assert [part.anchors.tolist() for part in parts] == [[], [], [6, 7, 8]]
    assert {(part.item_weight, part.anchor_weight) for part in parts} == {(1 / 6, 1 / 3)}
    shared = [parts_of(pairs, torch.tensor([6, 7, 8]), None, Processes(r, 4), 2) for r in range(4)]
    assert sorted(i for mine in shared for part in mine for i in part.items.tolist()) == list(range(6))
    assert sorted(i for mine in shared for part in mine for i in part.anchors.tolist()) == [6, 7, 8]
    # More processes than items: whoever has nothing has no part.
    assert parts_of(pairs[:1], torch.zeros(0, dtype=torch.long), None, Processes(1, 2), None) == []
    with pytest.raises(NashsimError, match="at least 2 are needed"):
        parts_of(pairs, torch.zeros(0, dtype=torch.long), None, Processes(), 1)


def test_a_row_more_than_allowed_is_noticed(forwards):
    """The hook itself: without a bound it sees the whole batch."""
    trainer_of("sppo").tick()
    assert (15, True) in forwards and (15, False) in forwards


def test_faults_in_one_line(capsys, tmp_path):
    sampled = (
        "--data.parameters.exact=false",
        "--data.parameters.length=2",
        "--data.parameters.vocabulary=4",
    )
    wrong = {
        ("--training.rows", "0"): "training.rows: a number > 0",
        ("--training.rows", "4"): "training.rows: an expectation over all responses is taken whole",
        ("--training.rows", "1", *sampled): "training.rows: a pair is two responses, found room for 1",
    }
    for words, said in wrong.items():
        assert (
            call(["train", "enumerable-nash-mp", "--quiet", f"--output.folder={tmp_path / words[1]}", *words])
            == 2
        )
        found = capsys.readouterr().err
        assert said in found and found.count("\n") == 1 and "Traceback" not in found, words
    with pytest.raises(NashsimError, match="rows"):
        models.policy("gpt2", rows=0)


def test_a_teacher_in_parts(forwards):
    teacher = Teacher(dict.fromkeys(PROMPTS, (1, 1, 0)))
    whole = trainer_of("dno-prct", None, teacher).run(1).policy.weights()
    assert (18, True) in forwards  # five of its own and the teacher's, for each of three prompts
    forwards.clear()
    parts = trainer_of("dno-prct", 2, teacher).run(1).policy.weights()
    assert max(rows for rows, _ in forwards) == 2
    for key, weight in whole.items():
        torch.testing.assert_close(parts[key], weight, rtol=1e-9, atol=1e-11)
