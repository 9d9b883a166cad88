"""What winners say is right for pairs from the opponent, and label differences are for any."""

import pytest
import torch

from llm_bridge.algorithms.fits.regression import regression_loss
from llm_bridge.algorithms.labels import Labels, PairDistribution
from nashsim import NashsimError
from nashsim.rules import MirrorStep
from nashsim.rules.one_call import INPO

from .tables import TAU, all_pairs, engine_of, tables
from .tables import differences as exact_differences
from .test_losses_tabular import engine_step, regress


class TestWinners:
    """The winner/loser target is for pairs from the opponent alone."""

    step = INPO(eta_inverse=0.8).steps(TAU, 0)[0]

    def fit(self, labels_of, pair_policy):
        engine = engine_of(INPO(eta_inverse=0.8))
        past, pairs = tables(engine), all_pairs(5)
        duel = torch.tensor(engine.game.probabilities[0])
        draw = past[pair_policy].exp() if pair_policy in past else torch.full((5,), 0.2).double()
        weights = draw[pairs].prod(1)
        labels = labels_of(duel, past["policy"].exp(), pairs)
        found = regress(self.step, past, labels, past["policy"], pairs, weights)
        return float((found - engine_step(engine, self.step)).abs().max())

    def test_on_policy_winners_are_exact(self):
        def labels(duel, pi, pairs):
            return Labels.winner(duel[pairs[:, 0], pairs[:, 1]], PairDistribution({"policy": 1.0}))

        assert self.fit(labels, "policy") < 1e-6

    def test_off_policy_winners_are_biased_and_label_differences_are_not(self):
        def winners(
            duel, pi, pairs
        ):  # a false statement of the source gets past the door, not past the truth
            return Labels.winner(duel[pairs[:, 0], pairs[:, 1]], PairDistribution({"policy": 1.0}))

        def differences(duel, pi, pairs):
            return exact_differences(*(duel @ pi)[pairs].T)

        assert self.fit(winners, "uniform") > 0.01
        assert self.fit(differences, "uniform") < 1e-6

    @pytest.mark.parametrize(
        "source",
        [
            PairDistribution({"reference": 1.0}),
            PairDistribution({"policy": 0.5, "reference": 0.5}),
            None,
        ],
    )
    def test_pairs_from_elsewhere_are_refused(self, source):
        labels = Labels.winner(torch.tensor([1.0]), source)
        past = {"policy": torch.zeros(1, 2), "reference": torch.zeros(1, 2)}
        with pytest.raises(NashsimError, match="i.i.d. from the opponent"):
            regression_loss(self.step, torch.zeros(1, 2), past, labels)

    def test_a_door_left_open_would_be_seen(self, monkeypatch):
        """The planted fault: any source passes for the opponent; its winners then are fitted, to another step."""
        monkeypatch.setattr(PairDistribution, "is_opponent", lambda self, step: True)

        def winners(duel, pi, pairs):
            return Labels.winner(duel[pairs[:, 0], pairs[:, 1]], PairDistribution({"reference": 1.0}))

        assert self.fit(winners, "reference") > 0.01

    def test_best_against_worst_must_be_named(self):
        with pytest.raises(NashsimError, match="best-worst"):
            PairDistribution({"policy": 1.0}, selection="best of 8")
        labels = Labels.winner(torch.tensor([1.0]), PairDistribution({"policy": 1.0}, selection="best-worst"))
        past = {"policy": torch.zeros(1, 2), "reference": torch.zeros(1, 2)}
        assert float(regression_loss(self.step, torch.zeros(1, 2), past, labels)) > 0

    def test_token_mixtures_are_not_the_sequence_mixture_of_nash_md(self):
        mixture = {"policy": 0.5, "reference": 0.5}
        step = MirrorStep(mixture, mixture, 1.0)
        assert PairDistribution(mixture).is_opponent(step)
        assert not PairDistribution(mixture, level="token").is_opponent(step)

    def deviation(self):
        """Of the mean label of each pair from the exact difference, in units of the largest standard error.

        Bernoulli duels against z ~ pi, pairs uniform.
        """
        engine = engine_of(INPO(eta_inverse=0.8))
        pi, duel = tables(engine)["policy"].exp(), torch.tensor(engine.game.probabilities[0])
        generator, count = torch.Generator().manual_seed(0), 40_000
        z = torch.multinomial(pi, count, replacement=True, generator=generator)
        pairs = all_pairs(5)
        coins = [torch.rand(25, count, generator=generator, dtype=torch.float64) for _ in range(2)]
        first, second = (coin < duel[pairs[:, k]][:, z] for k, coin in enumerate(coins))
        labels = Labels.duels(first, second)
        exact = (duel @ pi)[pairs].diff(dim=1)[:, 0].neg()
        # a difference of two coins has variance at most 1/2 + 1/2 (shared z)
        return float((labels.difference - exact).abs().max()) * count**0.5

    def test_sampled_label_differences_converge_off_policy(self):
        assert self.deviation() < 5

    @pytest.mark.parametrize(
        "fault",
        [
            lambda first, second: first.double().mean(-1) - 0.5,
            lambda first, second: 0.5 * (first.double().mean(-1) - second.double().mean(-1)),
        ],
        ids=["winner", "mean of both"],
    )
    def test_wrong_label_differences_would_be_seen(self, fault, monkeypatch):
        monkeypatch.setattr(Labels, "duels", classmethod(lambda cls, *duels: cls(fault(*duels), "duels")))
        assert self.deviation() > 5
