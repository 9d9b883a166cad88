"""One Nash-MD policy-gradient step of a language model: its split, peers side by side, and the machine's bounds.

    python experiments/bench_llm.py --device cpu     # beside TRL and a bare loop
    python experiments/bench_llm.py --device cuda    # 0.1B, 1B and 8B geometries, random weights

Every response runs to full length. On a CPU, rounds count during which small products, timed around every turn, show
no load beside ours; the rest are run again. TRL needs the extra ``bench-llm``.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
from functools import partial

import numpy as np
import pandas as pd
import torch
from _llm_peers import BareLoop, Generate, TRLNashMD, missing_trl
from _llm_step import COEFFICIENT, PHASES, RATE, TAU, Geometry, Step, build, judge
from benchmarking import QUIET, machine, quiet_rounds, ratio, rounds

from llm_bridge.algorithms import ALGORITHMS
from llm_bridge.cli.threads import fastest, product_rates
from llm_bridge.decoding.compiled import CompiledEngine
from llm_bridge.policy import CausalPolicy
from llm_bridge.trainer import Settings, Trainer, get_algorithm
from llm_bridge.training.source import Sampled
from nashsim.figures import Experiment, Finding
from nashsim.plots import PALETTE

#: How many times longer TRL's correct step is to take than ours, by either engine, and what ours may take, of 1.1M
#: parameters.
CORRECT, TRL_RATIO, STEP_SECONDS = "TRL, cache off", 6.0, 0.2
#: Seconds after which the rounds of a geometry are no longer run again for a quieter machine.
PATIENCE = 240.0
#: Algorithms whose iteration is timed: those of papers, one name each.
NAMED = (
    "nash-md", "nash-md-pg", "nash-ema-pg", "nash-mp", "nash-mp-pg", "nash-prox", "nash-prox-pg", "inpo", "enpo",
    "enpo-oracle", "egpo", "online-ipo", "ipo-md", "sppo", "mnpo", "comal", "dno", "dno-prct", "xpo", "dpo", "kto",
)  # fmt: skip


CPU = {
    "1.1M": Geometry(128, 480, 4, 4, 4, 512),
    "19M": Geometry(512, 1376, 6, 8, 8, 512),
}
CUDA = {
    "0.1B": Geometry(768, 2048, 12, 12, 12, 32_000, batch=64, prompt=64, length=256, dtype="bfloat16"),
    "1B": Geometry(2048, 5632, 22, 32, 4, 32_000, batch=64, prompt=64, length=256, dtype="bfloat16"),
    "8B": Geometry(
        4096, 14_336, 32, 32, 8, 128_256, batch=64, prompt=64, length=256, dtype="bfloat16", lora=16
    ),
}


def bounds(device: str, dtype: str, quick: bool) -> dict[str, float]:
    """Return what the machine reaches at best: a large matrix product, and a copy through memory."""
    kind = getattr(torch, dtype)
    n = (512 if quick else 2048) if device == "cpu" else 8192
    a = torch.randn(n, n, device=device).to(kind)
    big = torch.zeros(
        (2**22 if quick else 2**27) if device == "cpu" else 2**31, dtype=torch.uint8, device=device
    )
    to = torch.empty_like(big)

    def wait(work):
        work()
        if device == "cuda":
            torch.cuda.synchronize()

    taken = rounds(
        {"product": partial(wait, lambda: a @ a), "copy": partial(wait, lambda: to.copy_(big))},
        repeats=3 if quick else 9,
        seconds=0.01 if quick else 0.2,
    )
    return {
        "peak_flops": 2 * n**3 / float(taken["product"].min()),
        "bandwidth": 2 * big.numel() / float(taken["copy"].min()),
    }


def yardstick():
    """Return fixed work of some milliseconds that other tenants slow as they slow decoding.

    Products of a few rows with more weights than a core's own cache holds: they wait for shared cache and for each
    other's threads, where one large product does neither.
    """
    rows = torch.randn(16, 128)
    weights = [torch.randn(128, 480) for _ in range(40)]

    def work():
        for _ in range(5):
            for weight in weights:
                rows @ weight

    return work


def compute(quick: bool, device: str = "cpu") -> pd.DataFrame:
    """Time every geometry; works take turns in one process."""
    if device == "cpu":
        # Beside the work of others a second thread may cost more than it brings.
        torch.set_num_threads(fastest(product_rates()))
    rows = []
    for name, geometry in (CPU if device == "cpu" else CUDA).items():
        if quick:
            geometry = Geometry(32, 64, 2, 2, 2, 64, batch=2, prompt=4, length=6)
        rows += _measure(name, geometry, device, quick)
        if name == "1.1M":
            rows += _algorithms(geometry, quick)
    told = machine()
    if device == "cuda":
        told["gpu"] = torch.cuda.get_device_name(0)
    told |= {"threads": torch.get_num_threads()}
    told["versions"]["torch"] = torch.__version__
    return pd.DataFrame(rows).assign(device=device, machine=json.dumps(told))


def _measure(name: str, geometry: Geometry, device: str, quick: bool) -> list[dict]:
    limit = bounds(device, geometry.dtype, quick)
    model = build(geometry, device)
    ours = Step(model, geometry)
    works = {"llm_bridge": ours}
    if not quick and not geometry.lora:
        works["llm_bridge, compiled"] = Step(model, geometry, CompiledEngine())
    if device == "cpu":
        peers = {"mixture": COEFFICIENT, "beta": TAU, "lr": RATE}
        sizes = (geometry.batch, geometry.prompt, geometry.length)
        for work, peer in (("bare loop", BareLoop), ("transformers' generate", Generate)):
            works[work] = peer(copy.deepcopy(model), copy.deepcopy(model), *sizes, **peers)
        if missing_trl() is None:
            for cache in (False, True):
                made = TRLNashMD(copy.deepcopy(model), copy.deepcopy(model), *sizes, use_cache=cache, **peers)
                works[f"TRL, cache {'on (wrong samples)' if cache else 'off'}"] = made
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    found = quiet_rounds(
        works,
        repeats=3 if quick else 7,
        seconds=0.01 if quick else 1.0,
        yardstick=yardstick() if device == "cpu" else None,
        patience=0.0 if quick else PATIENCE,
    )
    memory = torch.cuda.max_memory_allocated() if device == "cuda" else math.nan
    common = {"geometry": name, "batch": geometry.batch, "length": geometry.length, **limit, "memory": memory}
    common |= {"rounds": found.run, "yardstick": found.least, "disturbance": found.disturbance}
    floor, decode = geometry.flops(), geometry.decode_bytes()
    rows = []
    for work, seconds in found.seconds.items():
        relative = ratio(found.seconds, work, "llm_bridge")
        row = {**common, "work": work, "seconds": float(np.median(seconds)), "ratio": relative}
        rows.append({**row, "phase": "total", "flops": sum(floor.values())})
        if isinstance(works[work], Step):
            for phase in PHASES:
                median = float(np.median([split[phase] for split in found.returned[work]]))
                flops = floor.get(phase, math.nan)
                rows.append(
                    {**row, "seconds": median, "phase": phase, "flops": flops, "ratio": math.nan}
                    | ({"bytes": decode} if phase == "generation" else {})
                )
    return rows


def _algorithms(geometry: Geometry, quick: bool) -> list[dict]:
    """One iteration of every algorithm: sampling, judging, and one optimiser step (two for extragradient ones)."""
    config = geometry.config()
    prompts = [
        tuple(2 + (7 * i + k) % (geometry.vocabulary - 2) for i in range(geometry.prompt))
        for k in range(geometry.batch)
    ]
    works = {}
    names = [name for name in ALGORITHMS if name in NAMED]
    for name in names[:3] if quick else names:
        policy = CausalPolicy.from_config(config, eos=-1, pad=1)
        source = Sampled(judge(), geometry.length, candidates=2)
        settings = Settings(fit_steps=1, lr=RATE)
        # As few candidates as the mixtures of whole responses have.
        algorithm = get_algorithm(name, **({"candidates": 2} if name == "enpo-oracle" else {}))
        trainer = Trainer(policy, prompts, algorithm, source, tau=TAU, settings=settings)
        works[name] = partial(_iterate, trainer)
    taken = rounds(works, repeats=2 if quick else 5, seconds=0.0)
    base = "nash-md-pg" if "nash-md-pg" in taken else names[0]
    return [
        {
            "geometry": "algorithms", "batch": geometry.batch, "length": geometry.length, "work": name,
            "phase": "total", "seconds": float(np.median(seconds)), "ratio": ratio(taken, name, base),
        }
        for name, seconds in taken.items()
    ]  # fmt: skip


def _iterate(trainer: Trainer) -> None:
    while not trainer.tick():
        pass


def draw(frame: pd.DataFrame):
    """Draw the split of every work's step, a panel a geometry."""
    import matplotlib.pyplot as plt

    names = [name for name in frame.geometry.unique() if name != "algorithms"]
    every = frame[frame.geometry == "algorithms"]
    rows, columns = max(len(names), 1), 1 + (len(every) > 0)
    size = (5.2 * columns + 0.4, max(2.5 * rows + 0.8, 5.4 if len(every) else 0))
    figure = plt.figure(figsize=size, layout="constrained")
    grid = figure.add_gridspec(rows, columns, width_ratios=(1.15, 1)[:columns])
    panels = [figure.add_subplot(grid[row, 0]) for row in range(len(names))]
    if len(every):
        _draw_algorithms(figure.add_subplot(grid[:, -1]), every)
    count = json.loads(frame.machine.iloc[0]).get("threads")
    threads = f", {count} thread{'s' if count > 1 else ''}" if count else ""
    colours = dict(zip(PHASES, ("blue", "grey", "green", "vermilion", "orange"), strict=True))
    for ax, name in zip(panels, names, strict=True):
        mine = frame[frame.geometry == name]
        works = list(mine.work.unique())
        for place, work in enumerate(works):
            rows = mine[mine.work == work].set_index("phase")
            total = 1e3 * rows.seconds["total"]
            left = 0.0
            for phase in PHASES:
                if phase in rows.index:
                    width = 1e3 * rows.seconds[phase]
                    ax.barh(-place, width, left=left, height=0.62, color=PALETTE[colours[phase]])
                    left += width
            if not left:
                ax.barh(-place, total, height=0.62, color="#bbbbbb")
            ax.annotate(
                f"{total:.0f} ms", (max(left, total), -place), (4, 0), textcoords="offset points", va="center"
            )
        bound = 1e3 * mine.flops[mine.phase == "total"].iloc[0] / mine.peak_flops.iloc[0]
        ax.axvline(bound, color="black", linestyle=":", linewidth=1.2)
        first = mine.iloc[0]
        ax.set(
            title=f"{name} parameters, batch {first.batch:.0f}, {first.length:.0f} new tokens",
            xlabel=f"one Nash-MD step, ms{threads}",
            yticks=range(0, -len(works), -1),
            yticklabels=works,
            xlim=(0, 1.22 * 1e3 * mine.seconds.max()),
        )
        ax.locator_params(axis="x", nbins=5)
        ax.grid(axis="y", visible=False)
    handles = [plt.Rectangle((0, 0), 1, 1, color=PALETTE[colours[phase]], label=phase) for phase in PHASES]
    handles += [
        plt.Rectangle((0, 0), 1, 1, color="#bbbbbb", label="whole step of a peer"),
        plt.Line2D([], [], color="black", linestyle=":", label="floating-point bound of this machine"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, fontsize=9)
    return figure


def _draw_algorithms(ax, every: pd.DataFrame) -> None:
    """Bars of one iteration of every algorithm, the shortest on top."""
    every = every.sort_values("seconds")
    places = -np.arange(len(every))
    ax.barh(places, 1e3 * every.seconds, height=0.7, color=PALETTE["sky"])
    for place, seconds in zip(places, 1e3 * every.seconds, strict=True):
        ax.annotate(
            f"{seconds:.0f}", (seconds, place), (3, 0), textcoords="offset points", va="center", fontsize=8
        )
    ax.set(
        title="every algorithm, 1.1M parameters",
        xlabel="one iteration, one fit step, ms",
        xlim=(0, 1.15 * 1e3 * every.seconds.max()),
    )
    ax.set_yticks(places, list(every.work), fontsize=8.5)
    ax.grid(axis="y", visible=False)


def findings(frame: pd.DataFrame) -> list[Finding]:
    """The split, ratios to peers, and shares of the machine's bounds."""
    found = []
    for name in frame.geometry.unique():
        mine = frame[frame.geometry == name]
        if name == "algorithms":
            told = ", ".join(f"{row.work} {1e3 * row.seconds:.0f}" for row in mine.itertuples())
            found.append(Finding("1.1M: one iteration of every algorithm, ms", told, "reported", True))
            continue
        steps = mine[mine.phase == "total"].set_index("work")
        ours = steps.loc["llm_bridge"]
        for work, row in steps.iterrows():
            if work == "llm_bridge":
                continue
            least = TRL_RATIO if work == CORRECT and name == "1.1M" else 0.0
            found.append(
                Finding(
                    f"{name}: step of {work} over ours",
                    f"{row.ratio:.2f}x ({1e3 * row.seconds:.0f} ms, ours {1e3 * ours.seconds:.0f} ms)",
                    f"at least {least:g}x" if least else "reported",
                    row.ratio >= least,
                )
            )
        compiled = "llm_bridge, compiled"
        if compiled in steps.index and CORRECT in steps.index:
            best, trl = steps.loc[compiled], steps.loc[CORRECT]
            aimed, over = name == "1.1M", trl.seconds / best.seconds
            found.append(
                Finding(
                    f"{name}: TRL, cache off, over ours compiled",
                    f"{over:.2f}x ({1e3 * best.seconds:.0f} ms)",
                    f"at least {TRL_RATIO:g}x" if aimed else "reported",
                    over >= TRL_RATIO or not aimed,
                )
            )
            if aimed:
                found.append(_step_seconds(steps))
        over = ours.seconds * ours.peak_flops / ours.flops
        if name == "19M":
            found.append(
                Finding(
                    f"{name}: step over the floating-point bound", f"{over:.1f}x", "at most 4x", over <= 4
                )
            )
        for work in [work for work in ("llm_bridge", compiled) if work in steps.index]:
            spent = mine[mine.work == work].set_index("phase").seconds[list(PHASES)]
            split = ", ".join(f"{phase} {1e3 * seconds:.1f} ms" for phase, seconds in spent.items())
            found.append(Finding(f"{name}: split of the step, {work}", split, "reported", True))
        if not math.isnan(ours.yardstick):
            told = f"{1e3 * ours.yardstick:.1f} ms at least, {ours.disturbance:.2f} times that in rounds kept"
            quiet = bool(ours.disturbance <= QUIET)
            asked = f"at most {QUIET:g} times"
            found.append(Finding(f"{name}: yardstick, {ours.rounds:.0f} rounds", told, asked, quiet))
        if (frame.device == "cuda").all():
            found += _gpu(name, mine)
    return found


def _step_seconds(steps: pd.DataFrame) -> Finding:
    """Of the faster engine."""
    seconds = steps.seconds[["llm_bridge", "llm_bridge, compiled"]].min()
    return Finding(
        "1.1M: the step",
        f"{1e3 * seconds:.0f} ms",
        f"at most {1e3 * STEP_SECONDS:.0f} ms",
        bool(seconds <= STEP_SECONDS),
    )


def _gpu(name: str, mine: pd.DataFrame) -> list[Finding]:
    """Decoding against memory, scoring and training against arithmetic, and what fits."""
    aimed = name == "1B"
    best = mine[mine.phase == "generation"].sort_values("seconds").iloc[0]
    share = best.bytes / best.seconds / best.bandwidth
    phases = mine[mine.work == "llm_bridge"].set_index("phase")
    spent = phases.seconds[["log-probs", "backward"]].sum()
    used = phases.flops[["log-probs", "backward"]].sum() / spent / best.peak_flops
    memory = best.memory / 1e9
    return [
        Finding(
            f"{name}: decode, share of the bandwidth bound ({best.work})",
            f"{100 * share:.0f}%", "at least 50%" if aimed else "reported", share >= 0.5 or not aimed,
        ),
        Finding(
            f"{name}: scoring and training, model FLOP utilisation of a measured product",
            f"{100 * used:.0f}%", "at least 40%" if aimed else "reported", used >= 0.4 or not aimed,
        ),
        Finding(
            f"{name}: peak memory", f"{memory:.1f} GB", "at most 80 GB" if name == "8B" else "reported",
            memory <= 80 or name != "8B",
        ),
    ]  # fmt: skip


def experiment(device: str) -> Experiment:
    """Return the benchmark of a device."""
    name = "bench-llm" if device == "cpu" else f"bench-llm-{device}"
    return Experiment(name, __doc__, partial(compute, device=device), draw, findings)


#: What ``nashsim bench llm`` runs.
EXPERIMENT = experiment("cpu")

if __name__ == "__main__":
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="default: cpu")
    chosen, _ = parser.parse_known_args()
    if chosen.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("bench_llm: --device cuda needs a GPU, and torch sees none; use --device cpu")
    experiment(chosen.device).main(parser)
