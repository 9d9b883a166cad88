"""Fixed logs: what the Nash of an estimate costs in the true game, and that it is of order 1/n."""

from __future__ import annotations

import numpy as np

from ...data import PreferenceData
from ...equilibrium import exploitability, solve_newton
from ...game import PreferenceGame
from ...offline import Bandit, error_constant, fit_preference, misspecification, pair_policies, pair_shares
from ...online import Duels, RecordedVotes
from .claim import Claim, Control, Evidence
from .domain import Domain
from .instance import Stack
from .regularisers import spread
from .rounding import EPS, logit_rounding, once

_LOGS, _DUELS = 200, 64_000
#: Votes of every pair of a record that is replayed.
_VOTES = 12
#: The sd of a weighted chi-square is at most sqrt 2 of its mean: four standard errors over the logs.
_NOISE = 1 + 4 * np.sqrt(2 / _LOGS)
_SECOND_HAND = "plug-in with unilateral concentrability, arXiv 2604.06738 [second hand]; constant derived"


def _estimate(stack: Stack) -> np.ndarray:
    """Return an estimate that owes nothing to the game: Bradley-Terry of the starts, shape (instances, n, n)."""
    logits = stack.log_start
    return 0.5 + 0.5 * np.tanh((logits[:, :, None] - logits[:, None]) / 2)


def _gap(word: str):
    def measure(stack: Stack, algorithm: float) -> Evidence:
        """Exploitability of the Nash of an estimate, solved at ``algorithm`` times tau, against its error's span."""
        estimate, game = _estimate(stack), stack.game.replace(regulariser=word)
        solved = game.replace(preference=estimate, tau=algorithm * stack.tau)
        log_policy = solve_newton(solved).log_policy
        error = np.einsum("kyz,kz->ky", estimate - stack.game.probabilities, np.exp(log_policy))
        span = np.ptp(error, axis=1)
        measured = exploitability(game, log_policy)
        # logits of policy and best response err by this; their divergence by its square and its product with the
        # distance; of other regularisers probabilities by this over the least of mu
        rounding = 2 * logit_rounding(stack, log_policy if word == "kl" else stack.log_start)
        if word != "kl":
            rounding *= np.exp(-stack.log_reference.min(axis=1))
        slack = rounding * (stack.tau * rounding + span)
        return once(measured, span**2 / (8 * stack.tau) + slack)

    return measure


def _floor(stack: Stack, algorithm: float) -> Evidence:
    """Exploitability that infinitely many duels leave of a Bradley-Terry class, its error's span, and e^2."""
    measured, bound = [], []
    for instance in stack.instances:
        game, n = instance.game, instance.actions
        even = np.full((1, n, n), 2 / n**2)
        error, fitted = misspecification(game.probabilities, even, "bradley-terry")
        log_policy = solve_newton(game.replace(preference=fitted, tau=algorithm * stack.tau)).log_policy
        span = np.ptp((fitted - game.probabilities)[0] @ np.exp(log_policy[0]))
        measured.append([exploitability(game, log_policy)[0], span**2 / (8 * stack.tau)])
        bound.append([span**2 / (8 * stack.tau), n * (n - 1) * error**2 / (4 * stack.tau)])
    # as of the plug-in, for a span of at most 2
    slack = 4 * logit_rounding(stack)[:, None]
    return Evidence(np.arange(2), np.array(measured), np.array(bound), slack, x_label="")


def _bandit(stack: Stack, word: str) -> Evidence:
    """J(pi*) - J(pi) of forward KL written out, pi the optimum of other rewards, against what ``Bandit`` says."""
    errors, allowed = [], []
    for instance in stack.instances:
        mu, tau = np.exp(instance.log_reference), instance.tau
        rewards, seen = instance.skew[0] + 0.5, instance.skew[1] + 0.5
        bandit = Bandit(rewards, tau, mu, word)
        log_policies = bandit.log_optimum, bandit.best(seen)
        terms = [
            sign * np.stack([np.exp(log) * rewards, -tau * mu * (np.exp(log) / mu - 1 - log + np.log(mu))])
            for sign, log in zip((1, -1), log_policies, strict=True)
        ]
        errors.append(abs(np.sum(terms) - bandit.suboptimality(log_policies[1])))
        # rewards reach 1 and mass within 1/tau of mu's: normalisation knows a ratio u to u (1 + u/tau) of rounding
        largest = np.exp(np.max(log_policies - instance.log_reference))
        allowed.append(8 * EPS * (len(mu) + 8) * (np.abs(terms).sum() + 1 + largest + 1 / tau))
    return once(np.array(errors), np.array(allowed))


def _replayed(stack: Stack, source: str) -> Evidence:
    """How far the wins of a log that asks for every recorded vote are from the record."""
    found = []
    for instance in stack.instances:
        n = instance.actions
        upper = np.triu(np.round(_VOTES * (instance.skew + 0.5)), 1).astype(int)
        wins = upper + np.tril(_VOTES - upper.T, -1)
        votes = PreferenceData.from_comparisons(
            [str(k) for k in range(n)], wins, np.zeros((n, n)), name="votes"
        )
        asked = RecordedVotes(votes, seed=n) if source == "record" else Duels(votes.game(tau=1.0), seed=n)
        first, second = np.triu_indices(n, 1)
        order = np.random.default_rng(n).permutation(np.repeat(np.arange(len(first)), _VOTES))
        won = asked.duel(first[order], second[order])
        counted = np.bincount(order, won, len(first))
        found.append(np.abs(counted - wins[first, second]).max())
    return once(np.array(found), np.zeros(len(found)))


def _logs(game: PreferenceGame, shares: np.ndarray, seed: int) -> np.ndarray:
    """Return the wins of many logs of one game, shape (logs, actions, actions)."""
    rng, upper = np.random.default_rng(seed), np.triu_indices(game.actions, 1)
    chance = shares[0][upper]
    counts = rng.multinomial(_DUELS, np.append(chance, 1 - chance.sum()), _LOGS)[:, :-1]
    won = rng.binomial(counts, game.probabilities[0][upper])
    wins = np.zeros((_LOGS, game.actions, game.actions))
    wins[:, upper[0], upper[1]], wins[:, upper[1], upper[0]] = won, counts - won
    return wins


def _rate(stack: Stack, model: str) -> Evidence:
    """n times the mean exploitability of the plug-in over logs of n duels, against the constant."""
    measured, bound = [], []
    for k, instance in enumerate(stack.instances):
        game = instance.game
        shares = pair_shares(game, *pair_policies(game, "uniform"))
        fitted = PreferenceGame(
            fit_preference(_logs(game, shares, k), model), log_reference=game.log_reference, tau=game.tau
        )
        repeated = np.repeat(game.probabilities, _LOGS, axis=0)
        true = game.replace(preference=repeated, log_reference=game.log_reference[0], weights=None)
        measured.append(_DUELS * exploitability(true, solve_newton(fitted).log_policy).mean())
        bound.append(_NOISE * error_constant(game, shares))
    return once(np.array(measured), np.array(bound))


def _gap_claim(name: str, word: str, source: str, domain: Domain, games: int | None = None) -> Claim:
    return Claim(
        id=name,
        statement=f"max_π' J(π', π̂) − ½ ≤ span((P̂ − P) π̂)²/(8τ), π̂ the Nash under {word} of any estimate P̂",
        source=f"derived: exploitability is τ D_{{R*}}(Pπ̂/τ, P̂π̂/τ); {source}",
        kind="bound",
        conditions="any game, reference and τ; any estimate with P̂ + P̂ᵀ = 1",
        quantity="exploitability of π̂ in the game of P",
        predicted="span((P̂ − P) π̂)²/(8τ)",
        measure=_gap(word),
        algorithm=1.0,
        control=Control("the Nash of the estimate at 2τ", 2.0),
        domain=domain,
        games=games,
    )


_TAUS = {"tau": (0.05, 2.0), "step": (1.0, 1.0)}
CLAIMS = (
    _gap_claim("plug-in-gap", "kl", "for KL by Hoeffding's lemma", Domain(**_TAUS)),
    _gap_claim(
        "chi2-plug-in-gap",
        "chi2",
        "R is 1-strongly convex in l1, so R* 1-smooth in max |.|, whose least over constants is span/2",
        Domain(actions=(2, 12), structure=spread, **_TAUS),
        150,
    ),
    Claim(
        id="misspecified-floor",
        statement="of a Bradley-Terry class infinitely many duels leave max J(π', π̂) − ½ ≤ span((P̂ − P) π̂)²/(8τ)"
        " ≤ n(n − 1) e²/(4τ), e² = E(P̂ − P)² over uniform pairs: the floor is of the order of the misspecification",
        source="derived; misspecified KL-regularised learning, arXiv 2606.06053 (abstract)",
        kind="bound",
        conditions="any game, log μ within 6 of its largest, and τ",
        quantity="exploitability of the class's π̂; span((P̂ − P) π̂)²/(8τ)",
        predicted="span((P̂ − P) π̂)²/(8τ); n(n − 1) e²/(4τ)",
        measure=_floor,
        algorithm=1.0,
        control=Control("the Nash of the class at 2τ", 2.0),
        domain=Domain(actions=(2, 6), structure=spread, **_TAUS),
        games=24,
    ),
    Claim(
        id="forward-kl-bandit",
        statement="J(π*) − J(π̂) = τ D_{R*}(r/τ, r̂/τ) = τ D_R(π̂, π*) with R = KL(μ ‖ ·), π̂ the optimum of any rewards r̂",
        source="derived; forward KL off line, arXiv 2605.09214 (abstract)",
        kind="identity",
        conditions="any rewards in [0, 1] and τ; log μ within 6 of its largest",
        quantity="|difference|",
        predicted="rounding",
        measure=_bandit,
        algorithm="forward-kl",
        control=Control("the suboptimality under KL", "kl"),
        domain=Domain(actions=(2, 12), structure=spread, **_TAUS),
        games=200,
    ),
    Claim(
        id="votes-replay",
        statement="a record whose every vote is asked for once, in any order, is answered with its own counts",
        source="derived; replay by rejection, Li et al., arXiv 1003.5956 [recalled]",
        kind="identity",
        conditions=f"{_VOTES} votes a pair, no ties, pairs in random order",
        quantity="max |wins counted − wins recorded|",
        predicted="0",
        measure=_replayed,
        algorithm="record",
        control=Control("votes drawn with putting back", "duels"),
        domain=Domain(actions=(3, 6)),
        games=20,
    ),
    Claim(
        id="plug-in-rate",
        statement="n E[exploitability of the plug-in] → (1/2τ) Σ_{y≠z} π*_y π*_z² P_yz P_zy/ν_yz: a gap of order 1/n",
        source=_SECOND_HAND,
        kind="statistical",
        conditions=f"KL, τ = 0.2, named games, uniform pairs, {_LOGS} logs of {_DUELS} duels",
        quantity="n × mean exploitability",
        predicted=f"{_NOISE:.1f} × the constant: four standard errors",
        measure=_rate,
        algorithm="tabular",
        control=Control("a Bradley-Terry fit of a cycle, whose gap has a floor", "bradley-terry", games=2),
        domain=Domain(
            actions=(3, 3),
            tau=(0.2, 0.2),
            games=("biased-rps", "comal", "p-eps", "dice", "three-humans", "rps:strength=0.6"),
            cells=6,
        ),
        games=6,
    ),
)
