"""Given pairs train as they are: losses and gradients are those of plain forward passes, row by row."""

import json

import pytest
import torch
from torch.nn.functional import softplus
from transformers import AutoModelForCausalLM, AutoTokenizer

from llm_bridge.judges import Comparison
from llm_bridge.models.tiny import save_tiny
from llm_bridge.runs.building.assembly import assemble, make_trainer
from llm_bridge.runs.configuration.config import load_config
from llm_bridge.runs.train_run import train_run
from nashsim.errors import NashsimError

torch.set_num_threads(1)

TAU, LR = 0.1, 0.005
PAIRS = [
    {"prompt": "Say one.", "chosen": "one", "rejected": "two", "p": 1.0},
    {"prompt": "Say one.", "chosen": "1", "rejected": "no, never", "p": 0.75},
    {"prompt": "Say it", "chosen": "it", "rejected": "what?", "p": 0.5},
    {"prompt": "Why?", "chosen": "so", "rejected": "", "p": 0.25},
]
MARKS = [
    {"prompt": row["prompt"], "completion": row[side], "label": side == "chosen"}
    for row in PAIRS
    for side in ("chosen", "rejected")
]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("given")
    save_tiny(home / "model", width=16, layers=1, context=64)
    for name, rows in (("pairs", PAIRS), ("marks", MARKS)):
        (home / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (home / "own.yaml").write_text(
        f"""
model: {{name: {home}/model, dtype: float64}}
data: {{pairs: {home}/pairs.jsonl, probability: p}}
algorithm: {{name: dpo, tau: {TAU}}}
training: {{iterations: 2, fit_steps: 1, lr: {LR}, clip: 1.0e+9, optimiser: sgd}}
sampling: {{length: 6}}
evaluation: {{samples: 2}}
"""
    )
    return home


def log_prob(model, tokenizer, prompt, response):
    """A plain forward pass of one row: no padding, no batch."""
    x, y = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in (prompt, response))
    y = [*y, tokenizer.eos_token_id]
    table = model(input_ids=torch.tensor([x + y])).logits[0].log_softmax(-1)
    return sum(table[len(x) - 1 + t, token] for t, token in enumerate(y))


def plain_loss(name, model, reference, tokenizer, rows):
    """The loss by its formula, beta = 4 tau."""
    beta, gains = 4 * TAU, []
    for prompt, response, _ in rows:
        with torch.no_grad():
            other = log_prob(reference, tokenizer, prompt, response)
        gains.append(log_prob(model, tokenizer, prompt, response) - other)
    gains, p = torch.stack(gains), torch.tensor([row[2] for row in rows], dtype=torch.float64)
    if name == "kto":
        gain = beta * (gains - gains.detach().mean().clamp_min(0))
        return (p * torch.sigmoid(-gain) + (1 - p) * torch.sigmoid(gain)).mean()
    if name == "una":
        return ((torch.sigmoid(beta * gains) - p) ** 2).mean()
    if name == "rdro":
        return (2 * p * (1.5 * softplus(gains) - gains) + (1 - p) * softplus(gains)).mean()
    margin, p = gains[0::2] - gains[1::2], p[0::2]
    if name == "ipo":
        return ((margin - (p - 0.5) / TAU) ** 2).mean()
    return (p * softplus(-beta * margin) + (1 - p) * softplus(beta * margin)).mean()


@pytest.mark.parametrize("rows", [None, 2])
@pytest.mark.parametrize("name", ["dpo", "ipo", "kto", "kto marks", "una", "rdro marks"])
def test_loss_and_gradient_are_those_of_plain_forward_passes(home, name, rows):
    words = ["--algorithm.name", name.split()[0]]
    given = [(r["prompt"], r[k], q) for r in PAIRS for k, q in (("chosen", r["p"]), ("rejected", 1 - r["p"]))]
    if "marks" in name:
        words += ["--data.pairs", str(home / "marks.jsonl")]
        given = [(row["prompt"], row["completion"], float(row["label"])) for row in MARKS]
    config = load_config(home / "own.yaml", words + (["--training.rows", str(rows)] if rows else []))
    trainer = make_trainer(config, assemble(config))
    tokenizer = AutoTokenizer.from_pretrained(home / "model")
    model, reference = (
        AutoModelForCausalLM.from_pretrained(home / "model", dtype=torch.float64) for _ in range(2)
    )
    for _ in range(2):
        loss = plain_loss(name.split()[0], model, reference, tokenizer, given)
        model.zero_grad()
        loss.backward()
        with torch.no_grad():
            for weight in model.parameters():
                weight -= LR * weight.grad
        trainer.tick()
        # Float64 sums in another order.
        assert trainer.descent["loss"] == pytest.approx(loss.item(), rel=1e-10)
        live = trainer.policy.model.state_dict()
        for key, weight in model.state_dict().items():
            assert torch.allclose(live[key], weight, rtol=0, atol=1e-12), key
    assert trainer.comparisons == 0


def test_una_reads_scores_as_one_of_each_response(home):
    rows = [{"prompt": "Say it", "chosen": "it", "rejected": "what?", "s1": 8, "s2": 3},
            {"prompt": "Why?", "chosen": "so", "rejected": "", "s1": 10, "s2": 0}]  # fmt: skip
    (home / "scores.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    single = [{"prompt": r["prompt"], "completion": r[k], "s": r[c]} for r in rows for k, c in (("chosen", "s1"), ("rejected", "s2"))]  # fmt: skip # noqa: E501
    (home / "single.jsonl").write_text("".join(json.dumps(row) + "\n" for row in single))
    words = ["--algorithm.name", "una", "--data.probability", "null", "--data.scale", "10", "--data.pairs"]
    found = []
    for file, scores in (("scores", "[s1, s2]"), ("single", "[s]")):
        parts = assemble(
            load_config(home / "own.yaml", [*words, str(home / f"{file}.jsonl"), "--data.scores", scores])
        )
        found.append([(row.text, row.responses, row.probability) for row in parts.source.given])
    assert found[0] == found[1] and [p for *_, p in found[0]] == [0.8, 0.3, 1.0, 0.0]
    words[5] = "5"
    with pytest.raises(NashsimError, match="row 1, s1: .* of data.scale 5 is needed, found 8; data.scale"):
        assemble(
            load_config(home / "own.yaml", [*words, str(home / "scores.jsonl"), "--data.scores", "[s1, s2]"])
        )


def test_a_run_needs_no_judge_and_says_what_it_trains_on(home, tmp_path):
    said = []
    config = load_config(
        home / "own.yaml", ["--output.folder", str(tmp_path / "run"), "--data.equal", "drop"]
    )
    folder, trainer, parts = train_run(config, say=said.append)
    note = said[0]
    assert note.startswith("data.pairs: 4 of 4 rows") and "offline" in note
    last = trainer.records[-1]
    assert {"kl", "length", "loss"} <= set(last) and "win_rate" not in last
    assert (folder.path / "final").is_dir()
    with pytest.raises(NashsimError, match="set judge.kind"):
        parts.judge([Comparison(parts.prompts[0], (5,), (6,))])
    judged = load_config(
        home / "own.yaml", ["--judge.kind", "length", "--output.folder", str(tmp_path / "judged")]
    )
    assert "win_rate" in train_run(judged)[1].records[-1]


def test_what_is_too_long_is_refused_by_row_dropped_or_cut(home):
    def rows(too_long):
        # The second row alone, of 18 tokens with EOS, does not fit.
        words = ["--sampling.context", "17", "--data.too_long", too_long]
        return assemble(load_config(home / "own.yaml", words))

    with pytest.raises(
        NashsimError, match="row 2: prompt and response of 18 tokens exceed the context of 17"
    ):
        rows("refuse")
    assert len(rows("drop").prompts) == 3
    cut = rows("cut")
    assert len(cut.prompts) == 4 and "1 too long (cut)" in cut.notes[0]
    assert max(len(g.prompt) + len(y) for g in cut.source.given for y in g.responses) == 17


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (["--algorithm.name", "inpo"], "data.pairs: inpo trains on responses of its own"),
        (["--data.prompts", "p.jsonl"], "found prompts and pairs; set the other to null"),
        (["--model.name", "null"], "data.pairs: own pairs need model.name"),
        (["--data.equal", "half a"], "data.equal: one of refuse, half, drop"),
    ],
)
def test_what_does_not_fit_given_pairs_is_one_line(home, words, match):
    with pytest.raises(NashsimError, match=match):
        load_config(home / "own.yaml", words)


def test_training_from_the_prompts_of_pairs_says_that_it_ignores_them(home):
    words = ["--data.prompts", str(home / "pairs.jsonl"), "--data.pairs", "null", "--judge.kind", "length"]
    [note] = assemble(load_config(home / "own.yaml", words)).notes
    assert "chosen and rejected" in note and "on-policy" in note and "data.pairs" in note
    with pytest.raises(NashsimError, match="marks train kto, una and rdro"):
        assemble(load_config(home / "own.yaml", ["--data.pairs", str(home / "marks.jsonl")]))
