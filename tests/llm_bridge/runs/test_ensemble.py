"""PEPO's ensemble: disjoint parts, the least of whole responses by rejection, silence; enumerated and end to end."""

import json

import numpy as np
import pytest
import torch

from llm_bridge.algorithms.fits.offline.dpo import dpo_loss
from llm_bridge.algorithms.fits.offline.pepo import PEPO
from llm_bridge.cli import call
from llm_bridge.models.tiny import save_tiny
from llm_bridge.runs.building.assembly import assemble
from llm_bridge.runs.configuration.config import load_config
from llm_bridge.runs.ensemble import Ensemble, load_ensemble
from llm_bridge.runs.tournament import run_tournament
from llm_bridge.tasks import EnumerableTask
from llm_bridge.tasks.enumerated_source import Enumerated
from llm_bridge.training.given import part_of
from nashsim.errors import NashsimError
from nashsim.offline import offline_dpo, pepo_ensemble, tie_mass
from nashsim.online import DuelLog

from ..algorithms.tables import fitted
from ..models import policy, shake

torch.set_num_threads(1)
BETA, ALPHA = 0.4, 0.3


def test_rejection_draws_the_least_of_whole_responses_and_can_say_nothing():
    """Three shaken policies, every response enumerated: 1,500 draws within four standard errors, silence too."""
    task = EnumerableTask(vocabulary=4, length=2, tau=0.1)
    source, made = Enumerated(task), policy("gpt2", 4, pad=0, eos=0)
    names = ("a", "b", "c")
    for k, name in enumerate(names):
        shake(made, 0.15, 20 + k)
        made.snapshot(name)
    ensemble, prompt = Ensemble(made, names), task.prompts[0]
    tables = torch.stack([source.table(made, name)[0] for name in names])
    assert torch.allclose(ensemble.log_probs(source.all)[:, : source.count], tables, atol=1e-12)
    shared = tables.min(dim=0).values.exp().numpy()
    agreed, count = shared.sum(), 1500
    assert 0.3 < agreed < 0.9
    responses = task.enumeration.responses()
    for tries in (1, 2):
        said = ensemble.sample([prompt] * count, task.length, tries=tries, seed=tries)
        silent, expected = (1 - agreed) ** tries, shared * (1 - (1 - agreed) ** tries) / agreed
        assert np.mean([y is None for y in said]) == pytest.approx(silent, abs=4 * (silent / count) ** 0.5)
        found = np.array([said.count(tuple(y)) for y in responses]) / count
        assert (np.abs(found - expected) < 4 * np.sqrt(expected / count) + 1e-9).all()
    with pytest.raises(NashsimError, match="tries"):
        ensemble.sample([prompt], 2, tries=0)


def test_members_fitted_to_parts_are_the_tabular_ensemble():
    """DPO's loss with the margin on every part of a log of duels: nashsim.offline's members, up to its small ridge."""
    rng = np.random.default_rng(3)
    first, second = np.array([(y, z) for y in range(3) for z in range(3) if y != z] * 40).T
    won = rng.random(len(first)) < 0.5 + 0.15 * np.sign(second - first)
    log = DuelLog(np.zeros(len(first), int), first, second, won)
    mu = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64).log()
    exact = pepo_ensemble(log, mu.numpy(), BETA, ridge=1e-9, members=3, seed=5, ties=ALPHA)
    for member in range(3):
        rows = part_of(len(first), 3, member, seed=5)
        y, z = (torch.tensor(np.where(log.won, a, b)[rows]) for a, b in ((first, second), (second, first)))
        pairs = torch.stack([y, z], dim=1)
        found = fitted(
            lambda log_pi, pairs=pairs: dpo_loss(
                log_pi[pairs], mu[pairs], BETA, margin=float(np.log1p(ALPHA))
            ),
            mu,
        )
        np.testing.assert_allclose(found.numpy(), exact.log_members[member, 0], atol=1e-5)
    whole = offline_dpo(log, mu.numpy(), BETA, ridge=1e-9, ties=ALPHA)
    assert np.abs(exact.log_policy - whole).max() > 0.01


def test_the_margin_is_the_tie_models():
    """Wins and losses leave the tie its mass; of those that are none the loss rests where its slope vanishes."""
    d, cut = 0.5, BETA * np.log1p(ALPHA)
    win, loss = (1 / (1 + np.exp(cut - x)) for x in (d, -d))
    assert win + loss + tie_mass(d, ALPHA, BETA) == pytest.approx(1)
    mu = torch.tensor([0.5, 0.5], dtype=torch.float64).log()
    pairs, share = torch.tensor([[0, 1], [1, 0]]), torch.tensor([win, loss], dtype=torch.float64)
    found = fitted(
        lambda t: dpo_loss(t[pairs], mu[pairs], BETA, margin=float(np.log1p(ALPHA)), weights=share), mu
    )
    apart = BETA * float(found[0] - found[1])
    # stationarity, typed out: win sigmoid(c - x) = loss sigmoid(c + x)
    residual = win / (1 + np.exp(apart - cut)) - loss / (1 + np.exp(-apart - cut))
    assert residual == pytest.approx(0, abs=1e-8) and apart > 0


def test_parts_are_disjoint_and_everything():
    parts = [part_of(11, 3, k, seed=2) for k in range(3)]
    assert sorted(sum(parts, [])) == list(range(11)) and {len(p) for p in parts} == {3, 4}
    assert part_of(11, 3, None, seed=2) is None
    with pytest.raises(NashsimError, match="members: at most the 2 rows"):
        part_of(2, 3, 0, seed=0)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("pepo")
    save_tiny(home / "model", width=16, layers=1, context=64)
    rows = [{"prompt": f"Say {k}.", "chosen": "one", "rejected": "two"} for k in range(5)]
    (home / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (home / "own.yaml").write_text(
        f"""
model: {{name: {home}/model, dtype: float64}}
data: {{pairs: {home}/pairs.jsonl}}
judge: {{kind: length}}
algorithm: {{name: pepo, tau: 0.1, parameters: {{members: 2, ties: 0.1}}}}
training: {{iterations: 1, fit_steps: 2, lr: 0.01}}
sampling: {{length: 4}}
evaluation: {{samples: 2}}
output: {{folder: {home}/run}}
"""
    )
    return home


def test_one_command_trains_the_ensemble(home, capsys):
    assert call(["train", str(home / "own.yaml"), "--quiet", "--json"]) == 0
    last = json.loads(capsys.readouterr().out)
    told = json.loads((home / "run" / "ensemble.json").read_text())
    assert told["members"] == 2 and 0 < told["agreement"] <= 1 and 0 <= told["silent"] < 1
    assert {k: last[k] for k in ("agreement", "silent", "ensemble_win_rate")} == {
        k: told[k] for k in ("agreement", "silent", "ensemble_win_rate")
    }
    ensemble, parts = load_ensemble(home / "run")
    said = ensemble.sample([x for x, _ in parts.evaluated], 4, seed=1)
    assert len(said) == 3 and ensemble.members == ("member-0", "member-1")
    own = [load_config(home / "run" / name / "config.yaml") for name in ensemble.members]
    rows = [{row.text for row in assemble(config).source.rows} for config in own]
    assert not rows[0] & rows[1] and len(rows[0] | rows[1]) == 5
    # nothing is trained twice
    assert call(["train", str(home / "own.yaml"), "--quiet", "--resume"]) == 0
    assert json.loads((home / "run" / "ensemble.json").read_text()) == told
    capsys.readouterr()
    assert call(["compare", str(home / "run")]) == 2
    assert "holds an ensemble; name the folders of its members" in capsys.readouterr().err
    with pytest.raises(NashsimError, match="holds none"):
        load_ensemble(home)


def test_an_ensemble_is_evaluated_beside_its_members(home, capsys):
    if not (home / "run" / "ensemble.json").exists():
        assert call(["train", str(home / "own.yaml"), "--quiet"]) == 0
    capsys.readouterr()
    runs = [str(home / "run"), str(home / "run" / "member-0")]
    assert call(["evaluate", *runs, "--samples", "3", "--json", "--out", str(home / "out")]) == 0
    found = json.loads(capsys.readouterr().out)
    reference, ensemble, member = found["players"]
    assert (ensemble["player"], member["player"]) == ("run", "member-0")
    assert 0 < ensemble["agreement"] <= 1 and 0 <= ensemble["silent"] <= 1 and "silent" not in member
    rows = [json.loads(line) for line in (home / "out" / "responses.jsonl").read_text().splitlines()]
    said = {name: [row for row in rows if row["player"] == name] for name in ("run", "reference", "member-0")}
    assert {name: len(part) for name, part in said.items()} == {
        "run": 15,
        "reference": 15,
        "member-0": 15,
    }  # all 5
    assert np.mean([row["response"] is None for row in said["run"]]) == pytest.approx(ensemble["silent"])


def test_where_nothing_is_said_the_reference_answers(home, monkeypatch):
    """Members that never agree: the ensemble and the reference tie to the last sample, and the texts say nothing."""
    if not (home / "run" / "ensemble.json").exists():
        assert call(["train", str(home / "own.yaml"), "--quiet"]) == 0
    monkeypatch.setattr(Ensemble, "sample", lambda self, rows, *_, **__: [None] * len(rows))
    found = run_tournament([home / "run"], samples=2)
    assert found.players[1]["silent"] == 1 and (found.rates.outcomes == 0.5).all()
    assert [row["response"] for row in found.responses if row["player"] == "run"] == [None] * 10


@pytest.mark.parametrize(
    ("wrong", "says"),
    [({"ties": -1}, "ties"), ({"members": 0}, "members"), ({"member": 3}, "member: null or a number")],
)
def test_what_is_wrong_is_named(wrong, says):
    with pytest.raises(NashsimError, match=says):
        PEPO(**wrong)
