"""EGPO's simulations: exact and sampled, tabular and neural policies, at the rates of the released code."""

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

from nashsim import PreferenceGame, games
from nashsim.engine import run_many, runs_frame
from nashsim.equilibrium import solve
from nashsim.errors import StepSizeWarning
from nashsim.figures import Curve, Paper, Setting, draw_spread, exact, spread
from nashsim.logspace import kl, log_normalise
from nashsim.plots import PALETTE, legend_below
from nashsim.rules import EGPO, OMD, NashMDPG, OnlineIPO, Rule
from nashsim.rules.rule import POLICY, REFERENCE, MirrorStep

RUNS, SAMPLES, WIDTH = 10, 100, 10
#: beta, iterations, learning rate of every panel, by family.
FAMILIES = {
    "exact tabular": ((0.001, 100_000, 2e-4), (0.01, 5000, 0.02), (0.1, 1000, 0.1)),
    "exact neural": ((0.01, 10_000, 0.003),),
    "sampled tabular": ((0.01, 100_000, 2e-4),),
    "sampled neural": ((0.1, 20_000, 0.001),),
}
METHODS = {
    "OMD": "green",
    "online IPO 2": "orange",
    "Nash-MD": "vermilion",
    "Nash-MD-PG": "purple",
    "EGPO": "blue",
}


@dataclass(frozen=True)
class HalfMixed(Rule):
    """Nash-MD as the code has it: the base mixes with eta tau, the opponent with half of that, its "true lr"."""

    step: float

    name = "nash-md-half"
    update = "log pi+ = (1 - eta tau) log pi + eta tau log mu + eta P(. ≻ pi^(1 - eta tau/2) mu^(eta tau/2))"
    condition = "none is proved"
    theorems = ()
    source = "Zhou et al., arXiv 2503.08942, released code"
    fixed_point = False

    def steps(self, tau, t):
        """Return the one step, the same at every ``t``."""
        weight = self.step * tau
        opponent = {POLICY: 1 - weight / 2, REFERENCE: weight / 2}
        return (MirrorStep({POLICY: 1 - weight, REFERENCE: weight}, opponent, self.step),)

    def largest_eta(self, tau):
        """Return 1/tau."""
        return 1 / tau


def rules(beta: float, rate: float, actions: int) -> dict[str, Rule]:
    """Return the rules that descent at ``rate`` on the code's losses is: forward steps 4 rate/(n beta) and others."""
    eta, mixture = 4 * rate / (actions * beta), 2 * rate / actions
    return {
        "OMD": OMD(step=eta),
        "online IPO 2": OnlineIPO(learning_rate=rate),
        "Nash-MD": HalfMixed(step=eta),
        "Nash-MD-PG": NashMDPG(step=rate, mixture=mixture),
        "EGPO": EGPO(step=eta),
    }


def instances(beta: float, actions: int) -> list[PreferenceGame]:
    """Return the ten games of a panel: upper triangle uniform on [0, 1], reference logits N(0, 1)."""
    made = (games.get("uniform", n=actions, seed=seed, normal_reference=True) for seed in range(RUNS))
    return [game.replace(tau=beta) for game in made]


class Table:
    """Ten tabular policies: the logits are the parameters."""

    def __init__(self, log_reference: np.ndarray):
        self.values = [log_reference.copy()]

    def logits(self) -> np.ndarray:
        """Return the logits, shape (runs, actions)."""
        return self.values[0]

    def gradient(self, of_logits: np.ndarray) -> list[np.ndarray]:
        """Return the gradient in the parameters."""
        return [of_logits]


class Network:
    """Ten policies of one network of three layers of width ten, each from an input of its own; all are trained."""

    def __init__(self, rng: np.random.Generator, actions: int):
        def layer(inputs, outputs):  # Xavier's normal weights, and no bias
            return [
                rng.normal(scale=np.sqrt(2 / (inputs + outputs)), size=(inputs, outputs)),
                np.zeros(outputs),
            ]

        self.values = [
            *layer(WIDTH, WIDTH),
            *layer(WIDTH, WIDTH),
            *layer(WIDTH, actions),
            rng.normal(size=(RUNS, WIDTH)),
        ]

    def logits(self) -> np.ndarray:
        """Return the logits, shape (runs, actions), and keep the layers for the gradient."""
        w1, b1, w2, b2, w3, b3, inputs = self.values
        self.first = np.maximum(inputs @ w1 + b1, 0)
        self.second = np.maximum(self.first @ w2 + b2, 0)
        return self.second @ w3 + b3

    def gradient(self, of_logits: np.ndarray) -> list[np.ndarray]:
        """Return the gradient in all parameters at the last ``logits``."""
        w1, _, w2, _, w3, _, inputs = self.values
        second = (of_logits @ w3.T) * (self.second > 0)
        first = (second @ w2.T) * (self.first > 0)
        return [inputs.T @ first, first.sum(0), self.first.T @ second, second.sum(0),
                self.second.T @ of_logits, of_logits.sum(0), first @ w1.T]  # fmt: skip


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return policies, shape (runs, actions)."""
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def drawn(rng, policy: np.ndarray) -> np.ndarray:
    """Return ``SAMPLES`` responses of every run by inversion, shape (runs, samples)."""
    levels = np.cumsum(policy, axis=1)
    return (rng.random((RUNS, SAMPLES, 1)) * levels[:, None, -1:] > levels[:, None, :-1]).sum(axis=2)


def scattered(y: np.ndarray, values: np.ndarray, actions: int) -> np.ndarray:
    """Return the sum of ``values`` by response, shape (runs, actions)."""
    flat = (np.arange(RUNS)[:, None] * actions + y).ravel()
    return np.bincount(flat, values.ravel(), RUNS * actions).reshape(RUNS, actions)


class Losses:
    """Gradients in the logits of the code's losses, summed over runs, exact or from samples."""

    def __init__(self, wins: np.ndarray, reference: np.ndarray, beta: float, rate: float, rng=None):
        self.wins, self.reference, self.beta, self.rng = wins, reference, beta, rng
        self.actions = wins.shape[1]
        self.mixture = 2 * rate / self.actions

    def opponent(self, method: str, logits: np.ndarray) -> np.ndarray:
        """Return the policy that is asked: the mixture for Nash-MD, else the policy itself."""
        share = self.mixture if method.startswith("Nash-MD") else 0.0
        return softmax((1 - share) * logits + share * self.reference)

    def __call__(self, method: str, logits: np.ndarray, asked: np.ndarray) -> np.ndarray:
        """Return the gradient at ``logits`` with payoffs against ``asked``, shape (runs, actions)."""
        log_ratio = log_normalise(logits) - log_normalise(self.reference)
        policy = softmax(logits)
        if self.rng is not None:
            return self.sampled(method, log_ratio, policy, asked)
        payoff = np.matmul(self.wins, asked[:, :, None])[:, :, 0]
        off = log_ratio - payoff / self.beta
        if method == "online IPO 2":
            return 4 * policy * (off - np.sum(policy * off, axis=1, keepdims=True))
        if method == "Nash-MD-PG":
            return self.beta * policy * (off - np.sum(policy * off, axis=1, keepdims=True))
        return 4 / self.actions * (off - off.mean(axis=1, keepdims=True))

    def gaps(self, logits: np.ndarray) -> np.ndarray:
        """Return 2 beta KL(pi ‖ BR(pi)), shape (runs,)."""
        payoff = np.matmul(self.wins, softmax(logits)[:, :, None])[:, :, 0]
        best = log_normalise(log_normalise(self.reference) + payoff / self.beta)
        return 2 * self.beta * kl(log_normalise(logits), best)

    def sampled(self, method: str, log_ratio, policy, asked) -> np.ndarray:
        """Return the gradient from ``SAMPLES`` samples of every run."""
        run = np.arange(RUNS)[:, None]
        if method == "Nash-MD-PG":
            y, other = drawn(self.rng, policy), drawn(self.rng, asked)
            weight = self.wins[run, y, other] - self.beta * log_ratio[run, y]
            total = weight.sum(axis=1, keepdims=True)
            return -(scattered(y, weight, self.actions) - policy * total) / SAMPLES
        if method == "online IPO 2":
            y, other = drawn(self.rng, policy), drawn(self.rng, policy)
            target = self.wins[run, y, other] - 0.5
        else:
            y, other = self.rng.integers(self.actions, size=(2, RUNS, SAMPLES))
            third = drawn(self.rng, asked)
            target = self.wins[run, y, third] - self.wins[run, other, third]
        off = log_ratio[run, y] - log_ratio[run, other] - target / self.beta
        return 2 / SAMPLES * (scattered(y, off, self.actions) - scattered(other, off, self.actions))


def descend(method: str, policy, losses: Losses, rate: float, kept: np.ndarray) -> list[np.ndarray]:
    """Return the logits at the iterations ``kept`` of plain gradient descent; EGPO looks ahead from the same point."""
    found, at = [policy.logits().copy()], 0
    for target in kept[1:]:
        for _ in range(at, target):
            logits = policy.logits()
            asked = losses.opponent(method, logits)
            if method == "EGPO":
                base = [value.copy() for value in policy.values]
                for value, slope in zip(
                    policy.values, policy.gradient(losses(method, logits, asked)), strict=True
                ):
                    value -= rate * slope
                asked = softmax(policy.logits())
                for value, before in zip(policy.values, base, strict=True):
                    value[...] = before
                logits = policy.logits()
            for value, slope in zip(
                policy.values, policy.gradient(losses(method, logits, asked)), strict=True
            ):
                value -= rate * slope
        found.append(policy.logits().copy())
        at = target
    return found


def family(name: str, beta: float, iterations: int, rate: float) -> pd.DataFrame:
    """Return the gap of every method at a hundred iterations, a row each."""
    actions = 100 if "neural" in name else 10
    kept = np.unique(np.round(np.linspace(0, iterations, 101)).astype(int))
    many = instances(beta, actions)
    if name == "exact tabular":
        rows = []
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", StepSizeWarning
            )  # steps outside a condition are what the code has
            for method, rule in rules(beta, rate, actions).items():
                queries = int(kept[-1]) * rule.queries_per_step
                runs = run_many(
                    many, rule, queries=queries, record=kept, metrics=["duality_gap", "kl_to_equilibrium"]
                )
                frame = runs_frame(runs).assign(method=method, family=name, beta=beta)
                if method in ("Nash-MD", "Nash-MD-PG"):
                    rows.append(
                        levels(many, runs, rate / actions * 2).assign(method=method, family=name, beta=beta)
                    )
                gaps = frame[frame.metric == "duality_gap"]
                rows.append(spread(gaps, ["family", "beta", "method", "metric", "step"]))
                if method == "EGPO":
                    rows.append(bound_ratio(frame, rule.eta(beta) * beta))
        return pd.concat(rows, ignore_index=True)
    rng = np.random.default_rng(0)
    wins = np.array([game.probabilities[0] for game in many])
    network = Network(rng, actions) if "neural" in name else None
    reference = network.logits().copy() if network else np.array([game.log_reference[0] for game in many])
    rows = []
    for method in METHODS:
        policy = Table(reference)
        if network:
            policy = Network(np.random.default_rng(0), actions)
            reference = policy.logits().copy()
        losses = Losses(wins, reference, beta, rate, np.random.default_rng(1) if "sampled" in name else None)
        for step, logits in zip(kept, descend(method, policy, losses, rate, kept), strict=True):
            gaps = losses.gaps(logits)
            rows += [{"method": method, "step": step, "value": gap} for gap in gaps]
    frame = pd.DataFrame(rows).assign(family=name, beta=beta, metric="duality_gap")
    return spread(frame, ["family", "beta", "method", "metric", "step"])


def levels(many, runs, mixture: float) -> pd.DataFrame:
    """Return the distance of the last policies from the exact fixed point of an opponent that mixes with ``mixture``.

    Its mixture q has log(q/mu) = (1 - mixture) log(pi/mu), so that q is the Nash policy at beta/(1 - mixture).
    """
    far = []
    for game, one in zip(many, runs, strict=True):
        inside = solve(game.replace(tau=game.tau / (1 - mixture)))
        point = log_normalise(game.log_reference + game.margin(inside.log_policy) / game.tau)
        far.append(np.abs(np.exp(one.log_policy) - np.exp(point)).sum())
    return pd.DataFrame(
        {"metric": ["fixed point"], "step": 0, "middle": np.median(far), "low": min(far), "high": max(far)}
    )


def bound_ratio(frame: pd.DataFrame, weight: float) -> pd.DataFrame:
    """Return the largest KL/(KL_0 (1 - eta beta)^t) of every record, above rounding."""
    here = frame[frame.metric == "kl_to_equilibrium"]
    first = here.groupby("game").value.transform("first")
    ratio = here.value / (first * (1 - weight) ** here.step)
    here = here.assign(value=ratio, metric="KL/bound")[here.value > 1e-24]
    return spread(here, ["family", "beta", "method", "metric", "step"])


def compute(quick: bool) -> pd.DataFrame:
    """Run every family; short runs have a hundredth of the iterations of the sampled and neural ones."""
    rows = []
    for name, panels in FAMILIES.items():
        for beta, iterations, rate in panels[1:] if quick and len(panels) > 1 else panels:
            rows.append(family(name, beta, iterations if name == "exact tabular" or not quick else 200, rate))
    return pd.concat(rows, ignore_index=True)


def draw(frame: pd.DataFrame):
    """Draw the gap against updates, a panel a setting."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 3, figsize=(9.8, 5.6), layout="constrained")
    settings = [(name, beta) for name, panels in FAMILIES.items() for beta, *_ in panels]
    for ax, (name, beta) in zip(axes.flat, settings, strict=True):
        here = frame[(frame.family == name) & np.isclose(frame.beta, beta) & (frame.metric == "duality_gap")]
        ax.set_title(f"{name}, β = {beta:g}")
        if here.empty:
            ax.text(0.5, 0.5, "left out of short runs", transform=ax.transAxes, ha="center", fontsize=8)
            continue
        handles = []
        for method, colour in METHODS.items():
            line = here[here.method == method]
            handles.append(draw_spread(ax, line, "step", color=PALETTE[colour], label=method, linewidth=1.3))
        low = 1e-12 if name == "exact tabular" else here.low[here.low > 0].min() / 2
        ax.set(yscale="log", xlabel="updates t", ylim=(low, None))
        ax.ticklabel_format(axis="x", style="sci", scilimits=(0, 3))
    for ax in axes[:, 0]:
        ax.set_ylabel("regularised duality gap")
    note = "Rates, losses and sizes of the released code; medians over 10 runs, bands: their range."
    legend_below(figure, handles, note, columns=5)
    return figure


def judge(frame: pd.DataFrame) -> list[Curve]:
    """EGPO's linear rate, who does not converge in their code either, where mixing levels off, and final gaps."""
    found = []
    for name, panels in FAMILIES.items():
        for beta, _, rate in panels:
            here = frame[(frame.family == name) & np.isclose(frame.beta, beta)]
            if not len(here):
                continue
            gaps = {
                method: one.iloc[-1] for method, one in here[here.metric == "duality_gap"].groupby("method")
            }
            where = f"{name}, β = {beta:g}"
            for method in METHODS:
                last = gaps[method]
                said = f"last gap {last.middle:.1e} [{last.low:.0e}, {last.high:.0e}]"
                curve = f"{method}: {where}"
                if name != "exact tabular":
                    least = min(gaps, key=lambda one: gaps[one].middle)
                    found.append(
                        Curve(curve, f"{said}; least: {least}", "the figure's values are not given", None)
                    )
                elif method == "EGPO":
                    ratio = here[here.metric == "KL/bound"].high.max()
                    stated = "last iterate linear: KL ≤ (1 − ηβ)^t KL_0"
                    said += f"; largest KL/bound {ratio:.3f}"
                    found.append(Curve(curve, said, stated, bool(ratio <= 1 + 1e-9), (name, "games")))
                elif method in ("OMD", "online IPO 2") and beta == 0.01:
                    stated = "does not converge on all games, in the released code either"
                    stated += f"; η = {rules(beta, rate, 10)[method].eta(beta):g}"
                    found.append(Curve(curve, said, stated, bool(last.high > 1e-3), (name, "games")))
                elif method.startswith("Nash-MD"):
                    far = here[(here.metric == "fixed point") & (here.method == method)].high.iloc[0]
                    said += f"; policies {far:.0e} in l1 from the exact fixed point of the mixture"
                    found.append(Curve(curve, said, "the figure's values are not given", None))
                else:
                    found.append(Curve(curve, said, "the figure's values are not given", None))
    return found


PAPER = Paper(
    id="egpo",
    title=__doc__.partition("\n")[0],
    source="Zhou et al., Extragradient Preference Optimization, arXiv 2503.08942",
    settings=(
        Setting("games", "10 runs, upper triangle of P uniform on [0, 1], reference logits N(0, 1)", "code"),
        Setting(
            "exact tabular",
            "n = 10; (β, iterations, lr) = (.001, 1e5, 2e-4), (.01, 5e3, .02), (.1, 1e3, .1)",
            "code",
        ),
        Setting(
            "exact neural", "n = 100, 3 layers of width 10, shared, an input a run; (.01, 1e4, .003)", "code"
        ),
        Setting("sampled tabular", f"n = 10, {SAMPLES} samples an update; (.01, 1e5, 2e-4)", "code"),
        Setting("sampled neural", f"n = 100, {SAMPLES} samples an update; (.1, 2e4, .001)", "code"),
        Setting(
            "forward steps", "η = 4 lr/(nβ): OMD, EGPO, Nash-MD; 4 lr/β: online IPO 2; lr: Nash-MD-PG", "code"
        ),
        Setting("mixture", 'ηβ/2 = 2 lr/n, the code\'s "true lr"', "code"),
        Setting("seeds", "0 to 9 of NumPy: the games are others of the same law", "ours"),
    ),
    compute=compute,
    draw=draw,
    judge=judge,
    equilibria=lambda: [
        exact(instances(beta, 10)[0], f"exact tabular, β = {beta:g}") for beta in (0.001, 0.01, 0.1)
    ],
)

if __name__ == "__main__":
    PAPER.main()
