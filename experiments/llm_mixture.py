"""Samples of mixtures against enumeration: of logits, of whole responses, and how far the two are apart."""

import numpy as np
import pandas as pd
import torch

from llm_bridge.decoding.eager import sample
from llm_bridge.decoding.roles import mixture
from llm_bridge.decoding.sequence_mixture import sequence_mixture
from llm_bridge.policy import CausalPolicy
from llm_bridge.tasks import EnumerableTask
from llm_bridge.tasks.enumerated_source import Enumerated
from nashsim.figures import Experiment, Finding
from nashsim.plots import PALETTE, legend_below

COEFFICIENTS = (0.0, 0.125, 0.25, 0.5, 0.75, 1.0)
LEVELS = {
    "token": ("blue", "o", "token level: of logits"),
    "sequence": ("vermilion", "s", "sequence level: of whole responses"),
}
#: Shown response by response.
SHOWN = 0.5


def _policy():
    """A policy far from its reference, on a task of one prompt and 40 responses."""
    task = EnumerableTask(vocabulary=4, length=3, prompts=((1, 2),), dtype=torch.float64)
    policy = CausalPolicy(task.build_model(), eos=0, pad=0)
    random = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in policy.parameters():
            weight += 0.35 * torch.randn(weight.shape, generator=random, dtype=torch.float64)
    return task, policy


def compute(quick: bool) -> pd.DataFrame:
    """Draw from both mixtures at every coefficient and count the responses."""
    torch.set_num_threads(1)
    task, policy = _policy()
    enumerated, draws = Enumerated(task), 1000 if quick else 4000
    place = {response: i for i, response in enumerate(task.enumeration.responses())}
    rows = []
    for c in COEFFICIENTS:
        weights = {"policy": 1 - c, "reference": c}
        prompts = list(task.prompts) * draws
        drawn = {
            "token": sample(policy, prompts, {"y": mixture(c, seed=1)}, task.length)["y"].sequences,
            "sequence": sequence_mixture(
                policy, prompts, weights, task.length, candidates=8, seed=2
            ).sequences,
        }
        for level, sequences in drawn.items():
            exact = enumerated.distribution(policy, weights, lambda name: name, level=level).exp()[0].numpy()
            counts = np.bincount([place[y] for y in sequences.responses()], minlength=len(place))
            for response, i in place.items():
                rows.append(
                    {
                        "coefficient": c,
                        "level": level,
                        "response": " ".join(map(str, response)),
                        # Last bits of a forward pass differ between processors.
                        "probability": float(f"{exact[i]:.6g}"),
                        "draws": int(counts[i]),
                    }
                )
    return pd.DataFrame(rows)


def _one(frame: pd.DataFrame, level: str, c: float) -> tuple[np.ndarray, np.ndarray]:
    mine = frame[(frame.level == level) & (frame.coefficient == c)]
    return mine.probability.to_numpy(), mine.draws.to_numpy()


def _apart(frame: pd.DataFrame, c: float) -> float:
    """Total variation between the two mixtures, exact."""
    return 0.5 * float(np.abs(_one(frame, "token", c)[0] - _one(frame, "sequence", c)[0]).sum())


def _surprise(frame: pd.DataFrame, level: str, c: float) -> tuple[float, float]:
    """Pearson's chi-square of the draws and its 99.99% quantile; cells expected below 5 are one."""
    from scipy.stats import chi2

    exact, counts = _one(frame, level, c)
    expected = exact * counts.sum()
    small = expected < 5
    merged = [np.append(a[~small], a[small].sum()) for a in (counts, expected)]
    kept = merged[1] > 0
    statistic = ((merged[0] - merged[1])[kept] ** 2 / merged[1][kept]).sum()
    return float(statistic), float(chi2.ppf(0.9999, kept.sum() - 1))


def draw(frame: pd.DataFrame):
    """Draw every response's share at one coefficient, and the distance between the two mixtures at all."""
    import matplotlib.pyplot as plt

    figure, (shares, apart) = plt.subplots(
        1, 2, figsize=(9.2, 3.9), layout="constrained", width_ratios=(2, 1)
    )
    order = np.argsort(-_one(frame, "token", SHOWN)[0], kind="stable")[:16]
    names = frame[(frame.level == "token") & (frame.coefficient == SHOWN)].response.to_numpy()[order]
    total = int(_one(frame, "token", SHOWN)[1].sum())
    for k, (level, (colour, marker, label)) in enumerate(LEVELS.items()):
        exact, counts = (part[order] for part in _one(frame, level, SHOWN))
        at = np.arange(len(order)) + 0.4 * k - 0.2
        shares.bar(at, exact, width=0.36, color=PALETTE[colour], alpha=0.35, label=f"{label}, enumerated")
        error = 1.96 * np.sqrt(exact * (1 - exact) / total)
        shares.errorbar(at, exact, yerr=error, fmt="none", ecolor="#444444", capsize=2, linewidth=0.8)
        shares.plot(
            at, counts / total, marker, color=PALETTE[colour], markersize=3.5, label=f"{label}, drawn"
        )
    shares.set_xticks(range(len(order)), names, rotation=90, fontsize=8)
    shares.grid(axis="x", visible=False)
    shares.set(
        xlabel="response (token ids, 0 ends it)",
        ylabel="probability",
        title=f"c = {SHOWN:g}: both samplers draw what is enumerated",
    )
    apart.plot(
        COEFFICIENTS, [_apart(frame, c) for c in COEFFICIENTS], "o-", color=PALETTE["black"], markersize=4
    )
    apart.set(
        xlabel="coefficient c of the reference",
        ylabel="total variation",
        title="token against sequence level",
    )
    note = f"$π^{{1−c}}μ^c$ on a language model of 40 responses, {total:,} draws of each; the 16 likeliest are shown."
    whisker = plt.Line2D([], [], color="#444444", marker="|", linewidth=0.8, markersize=5,
                         label="95% of such draws, binomial around the enumerated probability")  # fmt: skip
    handles = [*shares.get_legend_handles_labels()[0], whisker]
    legend_below(figure, handles, note, columns=3)
    return figure


def findings(frame: pd.DataFrame) -> list[Finding]:
    """Draws agree with their own enumeration at every coefficient, and not with each other's in between."""
    found = []
    for level in LEVELS:
        worst = max((_surprise(frame, level, c) for c in COEFFICIENTS), key=lambda pair: pair[0] / pair[1])
        found.append(
            Finding(
                f"{level} level: largest chi-square over its 99.99% quantile",
                f"{worst[0] / worst[1]:.2f}",
                "below 1",
                worst[0] < worst[1],
            )
        )
    found.append(
        Finding(
            f"total variation between the levels at c = {SHOWN:g}",
            f"{_apart(frame, SHOWN):.3f}",
            "above 0: two distributions",
            _apart(frame, SHOWN) > 0.01,
        )
    )
    ends = max(_apart(frame, 0.0), _apart(frame, 1.0))
    found.append(Finding("the same at c = 0 and 1", f"{ends:.1e}", "0: the pure models", ends < 1e-5))
    return found


EXPERIMENT = Experiment("llm-mixture", __doc__, compute, draw, findings)

if __name__ == "__main__":
    EXPERIMENT.main()
