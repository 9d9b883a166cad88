"""Styled text: the grammar, what a small model learns of it, and distances from the exact equilibrium."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from llm_bridge.decoding.eager import sample
from llm_bridge.decoding.roles import pure
from llm_bridge.judges import Comparison
from llm_bridge.models.sft import sft, token_loss
from llm_bridge.policy import CausalPolicy
from llm_bridge.policy.sequences import Sequences
from llm_bridge.tasks import Grammar, StyledTask, Teaching
from llm_bridge.tasks.sentences import LONGEST, TOPICS, WRITERS
from llm_bridge.tasks.styled import cycle
from nashsim import NashsimError, PreferenceGame, duality_gap, solve

from ..models import shake

TEACHING = Teaching(steps=60, batch=16, lr=1e-2, examples=512)


def make(**options):
    return StyledTask(
        **{"grammar": Grammar(topics=2), "size": "tiny", "teaching": TEACHING, "loses": 0.1} | options
    )


@pytest.fixture(scope="module")
def task():
    torch.set_num_threads(1)
    return make()


@pytest.fixture(scope="module")
def policy(task):
    return task.policy()


@pytest.fixture
def moved(policy):
    """A policy away from its reference, by less than would make every response noise."""
    other = CausalPolicy(deepcopy(policy.model), policy.model)
    shake(other, 0.03, seed=1)
    return other


# the grammar


@pytest.mark.parametrize("name", WRITERS)
def test_every_sentence_is_read_back_and_only_about_its_own_topic(name):
    rng, grammar = np.random.default_rng(0), Grammar()
    lengths = []
    for k in range(400):
        at = k % len(TOPICS)
        response = grammar.encode(grammar.sentence(TOPICS[at], name, rng))
        lengths.append(len(response) - 1 - (name != "other"))
        assert grammar.is_sentence(grammar.prompts[at], response)
        # who and which, and the topic itself
        assert not grammar.is_sentence(grammar.prompts[(at + 1) % len(TOPICS)], response)
        assert not grammar.is_sentence(grammar.prompts[at], response[:-1])
    assert max(lengths) == LONGEST[name]


def test_a_formal_sentence_ends_on_its_own_verb():
    grammar = Grammar()
    text = "<formal> it is noted that the eminent poet , who merits respect , is so {} . <eos>"
    said = [
        grammar.is_sentence(grammar.prompts[0], grammar.encode(text.format(v))) for v in ("noted", "recorded")
    ]
    assert said == [True, False]


def test_class_is_that_of_the_first_token():
    grammar = Grammar()
    formal, terse = grammar.encode("<formal> x <terse>"), grammar.encode("<terse> x <formal>")
    assert (grammar.classify(None, formal), grammar.classify(None, terse)) == (0, 2)
    assert grammar.classify(None, grammar.encode("the <formal>")) == 3
    assert grammar.classify(None, (grammar.ids["<eos>"],)) == 3


def test_examples_have_all_classes_equally_often_and_depend_on_the_seed():
    grammar = Grammar(("formal", "playful"), (0.998, 0.001))
    found = grammar.examples(300, seed=1)
    assert np.bincount([grammar.classify(x, y) for x, y in found]).tolist() == [100, 100, 100]
    assert found == grammar.examples(300, seed=1) != grammar.examples(300, seed=2)


@pytest.mark.parametrize(
    "arguments",
    [{"styles": ("formal", "rude")}, {"weights": (0.5, 0.5)}, {"weights": (0.5, 0.3, 0.2)},
     {"weights": (0.5, 0.3, 0.0)}, {"topics": 13}, {"styles": ("terse",) * 3}],
)  # fmt: skip
def test_no_such_grammar(arguments):
    with pytest.raises(NashsimError):
        Grammar(**arguments)


# the judge and the game


def test_judge_prefers_the_style_that_beats_the_other():
    task = make(strength=0.9, loses=0.05)
    one = {name: task.grammar.encode(f"<{name}> so .") for name in task.grammar.styles}
    plain = task.grammar.encode("the formal .")
    pairs = [("formal", "playful"), ("playful", "terse"), ("terse", "formal"), ("playful", "formal")]
    found = task.judge(
        [Comparison(None, one[a], one[b]) for a, b in pairs] + [Comparison(None, one["terse"], plain)]
    )
    assert np.allclose(found, [0.9, 0.9, 0.9, 0.1, 0.95], atol=1e-12)


def test_cycles_of_every_size_are_preferences():
    for count in (1, 2, 3):
        matrix = cycle(count, 0.8)
        assert np.allclose(matrix + matrix.T, 1) and matrix.shape == (count, count)
    assert cycle(2, 0.8)[0, 1] == 0.8


@pytest.mark.parametrize(
    "arguments",
    [{"size": "2m"}, {"tau": 0.0}, {"strength": 1.1}, {"loses": -0.1}, {"preference": [[0.5]]},
     {"preference": np.full((3, 3), 0.6)}],
)  # fmt: skip
def test_no_such_task(arguments):
    with pytest.raises(NashsimError):
        make(**arguments)


# what is learnt


def test_class_masses_are_the_grammars_and_those_of_samples(task, policy):
    exact = np.exp(task.log_masses(policy, task.prompts).detach().double().numpy())
    # what 60 steps reach; the relative error is what the loss penalises
    assert np.abs(np.log(exact) - np.log(task.grammar.masses)).max() < 0.05
    assert np.allclose(exact.sum(1), 1, atol=1e-6)
    prompts = [task.prompts[0]] * 2000
    drawn = sample(policy, prompts, {"y": pure()}, 1)["y"].sequences.responses()
    seen = np.bincount([task.grammar.classify(None, y) for y in drawn], minlength=4) / len(prompts)
    # four standard errors of 2000 draws
    assert (np.abs(seen - exact[0]) < 4 * np.sqrt(exact[0] * (1 - exact[0]) / len(prompts))).all()


def test_a_rare_winner_has_its_stated_mass_and_is_favoured_by_the_equilibrium():
    tau, a = 0.05, 0.25
    task = StyledTask.rare(tau, a, topics=2, size="tiny", teaching=replace(TEACHING, steps=80))
    policy = task.policy()
    game = task.class_game(policy)
    rare = task.names.index("playful")
    assert np.abs(game.log_reference[:, rare] + a / tau).max() < 0.05  # e^-5 to 5%
    # m*(c)/m*(b) = mu(c)/mu(b) e^{1/(2 tau)}: what the winner gains over the loser whatever the opponent [derived]
    lift = game.log_equilibrium - game.log_reference
    assert np.allclose(lift[:, rare] - lift[:, 0], 0.5 / tau, atol=1e-6)
    # the one-sided gap of the reference, half the dual one, is about 1/2 - a
    assert task.measure(policy, draws=2)["class_gap"] / 2 == pytest.approx(0.5 - a, abs=0.02)


def test_sentences_are_learnt():
    grammar = Grammar(("terse",), (0.9,), topics=2)
    task = StyledTask(grammar, size="tiny", teaching=replace(TEACHING, steps=300))
    taught = task.measure(task.policy())
    assert taught["sentences"] > 0.8  # half: sentences about either topic at random
    assert task.measure(CausalPolicy.from_config(task.config()))["sentences"] == 0


def test_teaching_depends_on_its_seed_alone(task, policy):
    with torch.no_grad():
        first, again = policy.model.state_dict(), task.build_model().state_dict()
        assert all(torch.equal(first[k], again[k]) for k in first)
    other = make(seed=1).taught().model.state_dict()
    assert any(not torch.equal(first[k], other[k]) for k in first)


# distances


def test_gap_is_zero_at_no_distance_and_exact_between_classes(task, policy, moved):
    moved_game = PreferenceGame(
        np.broadcast_to(task.preference, (2, 4, 4)),
        log_reference=task.class_game(policy).log_reference,
        tau=task.tau,
    )
    same = task.measure(policy, draws=4)
    assert abs(same["within_class_gap"]) < 1e-6 and same["duality_gap"] == pytest.approx(same["class_gap"])
    found = task.measure(moved, draws=4)
    with torch.no_grad():
        masses = task.log_masses(moved, task.prompts).double().log_softmax(1).numpy()
    assert found["class_gap"] == pytest.approx(duality_gap(moved_game, masses).mean(), rel=1e-6)  # float32
    assert np.abs(task.class_game(moved).log_equilibrium - solve(moved_game).log_policy).max() < 1e-5


def test_within_class_term_is_that_of_many_draws_and_its_interval_covers(task, policy, moved):
    found = task.measure(moved, seed=1, draws=200)
    assert found["duality_gap"] == pytest.approx(found["class_gap"] + found["within_class_gap"])
    # token by token: 2 tau E[sum_t KL of the next token], which has far less noise, less the classes' own part
    exact = _within_by_tokens(task, moved, draws=200)
    # 4 standard errors are 2.04 half widths; the second estimate's own noise is within a fourth of that
    assert abs(found["within_class_gap"] - exact) < 2.6 * found["within_class_half_width"]
    assert found["within_class_gap"] > 10 * found["within_class_half_width"] / 1.96


@torch.no_grad()
def _within_by_tokens(task, policy, draws):
    """2 tau E sum_t KL(pi(. | x, y_<t) || mu(. | x, y_<t)) - 2 tau KL(m || m_mu), by full logits."""
    prompts = [prompt for prompt in task.prompts for _ in range(draws)]
    batch = sample(policy, prompts, {"y": pure(seed=7)}, task.length)["y"].sequences
    ids, mask = batch.packed()
    start = batch.prompt.shape[1] - 1
    reference = policy.module_of("reference").causal
    pi, mu = (
        m(input_ids=ids, attention_mask=mask.long()).logits[:, start:-1].double().log_softmax(-1)
        for m in (policy.model, reference)
    )
    kl = ((pi.exp() * (pi - mu)).sum(-1) * batch.response_mask).sum(1).mean().item()
    masses, reference = (task.log_masses(policy, task.prompts, of).double() for of in ("policy", "reference"))
    return 2 * task.tau * (kl - (masses.exp() * (masses - reference)).sum(1).mean().item())


# on disk


def test_a_taught_model_is_kept_and_loads_by_name(task, policy, tmp_path, monkeypatch):
    kept = make(cache=tmp_path)
    model = kept.build_model()
    assert [path.name for path in tmp_path.iterdir()] == [kept.key]
    home = tmp_path / kept.key
    loaded, tokenizer = AutoModelForCausalLM.from_pretrained(home), AutoTokenizer.from_pretrained(home)
    for of in (model, loaded):
        assert all(torch.equal(v, policy.model.state_dict()[k]) for k, v in of.state_dict().items())
    text = "<bos> about the ship : <formal> it is noted <eos>"
    assert tuple(tokenizer(text).input_ids) == task.grammar.encode(text)
    assert tokenizer.decode(task.grammar.encode(text)) == text
    assert (tokenizer.pad_token_id, tokenizer.eos_token_id) == (loaded.config.pad_token_id, policy.eos)
    monkeypatch.setattr(StyledTask, "taught", lambda self: pytest.fail("taught again"))
    kept.build_model()


def test_a_teaching_cut_off_leaves_nothing_and_another_configuration_another_key(tmp_path, monkeypatch):
    kept = make(cache=tmp_path)
    keys = {kept.key, make(seed=1).key, make(size="1m").key, make(grammar=Grammar(topics=3)).key,
            make(teaching=replace(TEACHING, steps=61)).key}  # fmt: skip
    assert len(keys) == 5 and kept.key == make(tau=0.7, strength=0.6).key  # the game is not part of the model

    def cut_off(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(StyledTask, "taught", cut_off)
    with pytest.raises(KeyboardInterrupt):
        kept.build_model()
    assert not list(tmp_path.iterdir())


# supervised fine-tuning


def test_fine_tuning_lowers_the_loss_and_is_the_models_own_cross_entropy(task):
    policy = CausalPolicy.from_config(task.config())
    examples = task.grammar.examples(64)
    batch = Sequences.of(*zip(*examples[:5], strict=True), policy.pad)
    ids, mask = batch.packed()
    labels = torch.where(mask, ids, -100)
    labels[:, : batch.prompt.shape[1]] = -100
    with torch.no_grad():
        theirs = policy.model(input_ids=ids, attention_mask=mask.long(), labels=labels).loss
    assert token_loss(policy, batch).item() == pytest.approx(theirs.item(), rel=1e-5)
    losses = sft(policy, examples, steps=20, batch=8, lr=1e-2)
    assert len(losses) == 20 and losses[-3:].mean() < 0.6 * losses[0]


@pytest.mark.parametrize("arguments", [{"steps": 0}, {"steps": 1, "lr": 0}, {"steps": 1, "warmup": 1.0}])
def test_fine_tuning_refuses(task, policy, arguments):
    with pytest.raises(NashsimError, match="steps"):
        sft(policy, task.grammar.examples(4), **arguments)


def test_fine_tuning_without_examples_or_on_a_loss_that_breaks_ends_in_one_line(policy):
    with pytest.raises(NashsimError, match="examples"):
        sft(policy, [], steps=1)
    with pytest.raises(NashsimError, match="step 0"):
        sft(policy, [((1,), (1,))], steps=1, loss=lambda policy, batch: torch.tensor(float("nan")))
