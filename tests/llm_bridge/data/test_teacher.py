"""Responses of a teacher stand beside the policy's own where that biases nothing; elsewhere they are refused."""

import json
from itertools import combinations

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from llm_bridge.algorithms import ALGORITHMS, get_algorithm
from llm_bridge.cli import call
from llm_bridge.data import Encoder, Prompt, Teacher
from llm_bridge.judges import Comparison
from llm_bridge.models.tiny import byte_tokenizer, save_tiny
from llm_bridge.policy import CausalPolicy
from llm_bridge.policy.sequences import Sequences
from llm_bridge.runs.configuration.config import load_config
from llm_bridge.tasks import EnumerableTask
from llm_bridge.trainer import Settings, Trainer
from llm_bridge.training.source import Sampled
from nashsim.errors import NashsimError
from tests.llm_bridge.parallel.launching import launched

torch.set_num_threads(1)
TASK = EnumerableTask(vocabulary=4, length=3, prompts=((1, 2), (2, 3)), tau=0.2)
#: Three-token responses, which the short fits below hardly ever draw by themselves.
GOLD = {(1, 2): (3, 3, 3), (2, 3): (3, 1, 3)}
TAKES = [name for name in ALGORITHMS if get_algorithm(name).own_responses_only is None]


def trainer_of(algorithm, teacher=None, judge=TASK.judge, **options):
    source = Sampled(judge, TASK.length, teacher=teacher, candidates=4)
    policy = CausalPolicy(TASK.build_model(), eos=0, pad=0)
    settings = Settings(fit_steps=options.pop("fit_steps", 2), lr=1e-2)
    return Trainer(policy, TASK.prompts, algorithm, source, tau=TASK.tau, settings=settings, **options)


def sampled_batch(trainer):
    while trainer.batch is None:
        trainer.tick()
    return trainer.batch


def asked(batch):
    """Prompt and response of every row of a batch."""
    prompts = map(tuple, batch.responses.prompt.tolist())  # of one length, and so without padding
    return list(zip(prompts, batch.responses.responses(), strict=True))


def test_dno_prct_ranks_the_teacher_with_its_own():
    """K + 1 candidates a prompt: all their pairs, and the win rate of each against the K others."""
    batch = sampled_batch(trainer_of(get_algorithm("dno-prct", responses=3), Teacher(GOLD)))
    rows = asked(batch)
    assert len(rows) == 8 and [rows[3], rows[7]] == list(GOLD.items())
    assert batch.pairs.tolist() == [[g + i, g + j] for g in (0, 4) for i, j in combinations(range(4), 2)]
    for g in (0, 4):
        for i in range(g, g + 4):
            others = [j for j in range(g, g + 4) if j != i]
            wins = TASK.judge([Comparison(rows[i][0], rows[i][1], rows[j][1]) for j in others])
            assert float(batch.payoff[i]) == pytest.approx(np.mean(wins), abs=1e-12)


@pytest.mark.parametrize("name", TAKES)
def test_it_is_on_one_side_of_pairs_and_the_rest_is_as_it_was(name):
    """Own responses and comparators are those of a run without a teacher; each meets the teacher once."""
    alone, beside = sampled_batch(trainer_of(name)), sampled_batch(trainer_of(name, Teacher(GOLD)))
    count = get_algorithm(name).responses
    own, joined = asked(alone), asked(beside)
    places = [i for i in range(len(joined)) if i % (count + 1) != count]
    assert [joined[i] for i in places] == own
    assert [joined[i] for i in range(count, len(joined), count + 1)] == list(GOLD.items())
    met = [sum((r % (count + 1) == count).item() for r in pair) for pair in beside.pairs]
    assert sorted(met) == [0] * len(alone.pairs) + [1] * (2 * count)
    if not get_algorithm(name).fit.ranks_within:  # ranks move when one more is ranked; payoffs do not
        torch.testing.assert_close(beside.payoff[places], alone.payoff)


def test_a_policy_learns_what_it_would_not_have_said():
    """A judge that likes the teacher's responses alone: they become likelier, and without the teacher do not."""

    def judge(comparisons):
        likes = [(c.a == GOLD[c.prompt], c.b == GOLD[c.prompt]) for c in comparisons]
        return np.array([0.5 + 0.5 * (int(a) - int(b)) for a, b in likes])

    probe, grown = Sequences.of(list(GOLD), list(GOLD.values())), []
    for teacher in (None, Teacher(GOLD)):
        trainer = trainer_of("dno-prct", teacher, judge, fit_steps=10)
        before = trainer.policy.sequence_log_probs(probe).detach()
        trainer.run(3)
        grown.append((trainer.policy.sequence_log_probs(probe).detach() - before).min().item())
    assert grown[0] < 0.2 and grown[1] > 1.0


@pytest.mark.parametrize("name", [n for n in ALGORITHMS if n not in TAKES])
def test_refused_where_it_would_bias(name):
    with pytest.raises(NashsimError, match="takes none") as caught:
        trainer_of(name, Teacher(GOLD))
    assert "\n" not in str(caught.value)


def test_which_take_one():
    papers = {"dno-prct", "dno", "nash-md", "nash-mp", "nash-prox", "mnpo", "comal"}
    assert papers <= set(TAKES)
    assert not {"inpo", "enpo", "egpo", "online-ipo", "sppo", "dpo", "kto", "xpo", "nash-md-pg"} & set(TAKES)
    assert get_algorithm("inpo", labels="duels").own_responses_only is None


def test_the_anchor_pulls_up_own_responses_alone():
    algorithm = get_algorithm("nash-md", anchor=0.1)
    batch = sampled_batch(trainer_of(algorithm, Teacher(GOLD)))
    rows = asked(batch)
    assert len(batch.anchors) == 4
    assert [rows[i] for i in batch.anchors] == [rows[i] for i in (0, 1, 3, 4)]


@pytest.mark.parametrize("name", ["dno-prct", "nash-mp"])
def test_resumed_to_the_same_bits(name):
    whole, states = trainer_of(name, Teacher(GOLD), seed=5), []
    while whole.iteration < 2:
        states.append(whole.state_dict())
        whole.tick()
    whole.make_policy_live()
    for state in (states[1], states[-1]):
        resumed = trainer_of(name, Teacher(GOLD), seed=5)
        resumed.load_state_dict(state)
        resumed.run(2)
        first, second = whole.policy.weights(), resumed.policy.weights()
        assert all(torch.equal(first[key], second[key]) for key in first)
        assert resumed.comparisons == whole.comparisons


def test_prompts_without_a_response():
    partial = {(1, 2): GOLD[1, 2]}
    with pytest.raises(NashsimError, match=r"no response to \(2, 3\)"):
        sampled_batch(trainer_of("dno-prct", Teacher(partial)))
    batch = sampled_batch(trainer_of(get_algorithm("dno-prct", responses=2), Teacher(partial, "own")))
    assert batch.pairs.tolist() == [[0, 1], [0, 2], [1, 2], [3, 4]]
    with pytest.raises(NashsimError, match="unanswered"):
        Teacher(partial, "drop")


def test_encoded_as_the_policy_meets_it():
    encoder = Encoder(byte_tokenizer())
    prompts = [Prompt(text, encoder.prompt(text)) for text in ("q", "r")]
    found = Teacher({"q": "gold", "r": "no"}).encoded(prompts, encoder, 4)
    gold, no = (encoder.encode_response(word) for word in ("gold", "no"))
    assert found.responses == {
        prompts[0].ids: gold[:4],
        prompts[1].ids: no,
    }  # cut off, and whole with its end
    assert len(gold) == 5 and no[-1] == encoder.eos
    with pytest.raises(
        NashsimError, match="1 of 2 prompts have no response, the first 'r'; .*unanswered: own"
    ):
        Teacher({"q": "gold"}).encoded(prompts, encoder, 4)
    assert list(Teacher({"q": "gold"}, "own").encoded(prompts, encoder, 4).responses) == [prompts[0].ids]
    with pytest.raises(NashsimError, match="2 of 2 prompts have no response"):
        Teacher({"s": "gold"}, "own").encoded(prompts, encoder, 4)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A model, prompts and a teacher's responses on disk, and the configuration that names them."""
    home = tmp_path_factory.mktemp("teacher")
    save_tiny(home / "model", width=16, layers=1, context=64)
    rows = [{"prompt": f"Say {word}.", "said": word} for word in ("one", "two", "three")]
    (home / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (home / "own.yaml").write_text(
        f"""
model: {{name: {home}/model, dtype: float64}}
data: {{prompts: {home}/prompts.jsonl, teacher: {home}/prompts.jsonl, teacher_column: said}}
judge: {{kind: length, scale: 0.5}}
algorithm: {{name: dno-prct, tau: 0.05, parameters: {{responses: 2}}}}
training: {{iterations: 2, fit_steps: 2, lr: 1e-3}}
sampling: {{length: 6}}
evaluation: {{prompts: 2, samples: 2}}
"""
    )
    return home


def refused(capsys, *arguments):
    assert call([str(a) for a in arguments]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "Traceback" not in said
    return said


def test_faults_of_a_teacher_in_one_line(capsys, tmp_path, home):
    run = ("train", home / "own.yaml", "--quiet", "--output.folder", tmp_path / "r")
    short = tmp_path / "short.jsonl"
    short.write_text('{"prompt": "Say one.", "said": "one"}\n')
    wrong = {
        ("--data.teacher", f"{home}/promts.jsonl"): "did you mean",
        ("--data.teacher_column", "sad"): "did you mean 'said'",
        ("--data.teacher", short): "2 of 3 prompts have no response, the first 'Say two.'",
        ("--data.unanswered", "drop"): "data.unanswered: one of refuse, own is needed",
        ("--algorithm.name", "inpo"): "data.teacher: inpo takes none; winner labels",
    }
    for options, said in wrong.items():
        assert said in refused(capsys, *run, *options), options
    said = refused(capsys, "train", "enumerable-dno-prct", "--data.teacher", short)
    assert "data.teacher: a task's prompts and given pairs have none" in said
    assert call([str(a) for a in (*run, "--data.teacher", short, "--data.unanswered", "own")]) == 0


@pytest.mark.parametrize("recipe", ["half-b-dno", "tldr-dno"])
def test_recipes_run_dry(capsys, recipe):
    assert call(["train", recipe, "--dry-run", "--quiet"]) == 0
    said = capsys.readouterr().out
    assert f"{load_config(recipe).data.teacher} is not there" in said and "the configuration holds" in said


@pytest.mark.slow
def test_two_processes_are_one(tmp_path, home):
    trained = []
    for processes in (1, 2):
        out = tmp_path / str(processes)
        words = ("-m", "llm_bridge", "train", home / "own.yaml", "--quiet", "--output.folder", out)
        done = launched(*words, processes=processes)
        assert done.returncode == 0, done.stderr[-2000:]
        trained.append(load_file(out / "final" / "model.safetensors"))
    for name in trained[0]:
        torch.testing.assert_close(trained[0][name], trained[1][name], rtol=1e-4, atol=1e-5)
