"""Scores by hand, where rules disagree, and what resampling says of them."""

import json

import numpy as np
import pytest

from nashsim import PreferenceGame, games, lottery, rankings, solve
from nashsim.cli import call
from nashsim.data import PreferenceData
from nashsim.errors import NashsimError

#: COMAL's cycle with a fourth label that loses to all.
P = np.array([[0.5, 0.1, 0.8, 0.9], [0.9, 0.5, 0.1, 0.7], [0.2, 0.9, 0.5, 0.6], [0.1, 0.3, 0.4, 0.5]])


def counted(n: int = 20, seed: int = 0) -> PreferenceData:
    """Twenty comparisons a pair, drawn from P."""
    rng = np.random.default_rng(seed)
    wins = np.zeros((4, 4))
    for i in range(4):
        for j in range(i):
            wins[i, j] = rng.binomial(n, P[i, j])
            wins[j, i] = n - wins[i, j]
    return PreferenceData.from_comparisons("abcd", wins)


def test_scores_by_hand():
    found = rankings(PreferenceGame(P, labels="abcd"), tau=0.2)
    scores = found.scores.loc[list("abcd")]
    np.testing.assert_allclose(scores.borda, [0.6, 1.7 / 3, 1.7 / 3, 0.8 / 3], rtol=1e-14)
    np.testing.assert_allclose(scores.copeland, [2 / 3, 2 / 3, 2 / 3, 0], rtol=1e-14)
    np.testing.assert_allclose(scores.lottery, np.array([4, 3, 4, 0]) / 11, atol=1e-12)
    nash = solve(PreferenceGame(P, labels="abcd", tau=0.2)).probabilities[0]
    np.testing.assert_allclose(scores.nash, nash, rtol=1e-13)
    np.testing.assert_allclose(scores.elo, 1000 + 400 / np.log(10) * scores.bradley_terry, rtol=1e-14)
    # The zero of Elo's expected update: every label's expected score is its actual one.
    s = scores.bradley_terry.to_numpy()
    expected = 1 / (1 + np.exp(s - s[:, None]))
    np.testing.assert_allclose((P - expected).sum(axis=1), 0, atol=1e-9)


def test_bradley_terry_of_two_is_the_logit():
    found = rankings(PreferenceGame([[0.5, 0.75], [0.25, 0.5]], labels="ab"))
    np.testing.assert_allclose(found.scores.bradley_terry, [np.log(3) / 2, -np.log(3) / 2], rtol=1e-9)
    np.testing.assert_allclose(np.diff(found.scores.elo), -400 * np.log10(3), rtol=1e-9)


def test_disagreements_are_told():
    found = rankings(games.get("glasgow"))
    assert any("lottery" in line and "Hunter" in line for line in found.disagreements)
    assert any("borda" in line and "Dornan" in line for line in found.disagreements)
    strict = [[0.5, 0.6, 0.7], [0.4, 0.5, 0.6], [0.3, 0.4, 0.5]]
    assert rankings(PreferenceGame(strict, labels="abc")).disagreements == []


def test_a_game_keeps_its_reference_and_tau():
    game = PreferenceGame(P, reference=[0.1, 0.2, 0.3, 0.4], tau=0.5, labels="abcd")
    found = rankings(game, tau=0.01).scores.loc[list("abcd"), "nash"]
    np.testing.assert_allclose(found, solve(game).probabilities[0], rtol=1e-13)


def test_ranges_hold_the_scores_and_tidy_rows_stand_beside_them():
    found = rankings(counted(), bootstrap=40, seed=3)
    assert (found.low <= found.high).all(axis=None)
    for name in ("borda", "bradley_terry"):
        assert ((found.low[name] <= found.scores[name]) & (found.scores[name] <= found.high[name])).all()
    tidy = found.frame()
    assert set(tidy.columns) == {"label", "score", "value", "rank", "low", "high"} and len(tidy) == 24
    borda = tidy[tidy.score == "borda"]
    assert borda.sort_values("value", ascending=False)["rank"].is_monotonic_increasing
    first = tidy[(tidy.label == "a") & (tidy.score == "borda")].iloc[0]
    assert first.low == found.low.loc["a", "borda"] and first.value == found.scores.loc["a", "borda"]


def test_what_cannot_vary_has_no_ranges():
    wins = np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]])
    found = rankings(PreferenceData.from_comparisons("abc", wins))
    assert found.low is None and "cannot vary" in found.status
    assert rankings(counted(), bootstrap=0).low is None


@pytest.mark.parametrize("bad, says", [({"bootstrap": -1}, "bootstrap"), ({"confidence": 1}, "confidence")])
def test_bad_arguments(bad, says):
    with pytest.raises(NashsimError, match=says):
        rankings(counted(), **bad)


def test_command_line(tmp_path, capsys):
    path = tmp_path / "battles.csv"
    rows = ["model_a,model_b,winner"] + ["x,y,model_a"] * 3 + ["x,y,model_b", "y,z,model_a", "z,x,model_a"]
    path.write_text("\n".join(rows) + "\n")
    assert call(["inspect", str(path), "--ranking", "--bootstrap", "20", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    lotteries = {row["label"]: row["value"] for row in told["rankings"] if row["score"] == "lottery"}
    # Margins x over y 1/4, y over z 1/2, z over x 1/2: the lottery is (.4, .4, .2).
    assert lotteries == pytest.approx({"x": 0.4, "y": 0.4, "z": 0.2})
    assert call(["inspect", str(path), "--ranking"]) == 0
    out = capsys.readouterr().out
    assert "0.400" in out and "First by" in out and "200 resamples" in out
    assert call(["inspect", str(path), "--bootstrap", "0", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["intervals"] is None
    assert call(["inspect", str(path), "--bootstrap", "-1"]) == 2


def test_largest_entropy_among_lotteries():
    """No other maximal lottery has more entropy; where there is one lottery, nothing changes."""
    rng, several = np.random.default_rng(1), 0
    for _ in range(60):
        n = int(rng.integers(3, 9))
        margins = np.triu(rng.integers(-1, 2, (n, n)) * 0.25, 1)
        game = PreferenceGame(0.5 + margins - margins.T)
        chosen, plain = lottery(game, tie_break="entropy"), lottery(game)
        p, q = chosen.probabilities[0], plain.probabilities[0]
        assert chosen.residual < 1e-13 and chosen.unique == plain.unique
        if chosen.unique[0]:
            np.testing.assert_array_equal(p, q)
            continue
        several += 1
        assert "largest entropy" in chosen.status
        # Towards another member of the convex set the entropy cannot rise: <q - p, log p> >= 0 at p.
        inside = p > 0
        assert not (q[~inside] > 0).any() and (q - p)[inside] @ np.log(p[inside]) > -1e-9
        # Its limit as tau falls to 0, at the speed of tau: from tau to a third of it the distance shrinks.
        near, nearer = (np.abs(solve(game.replace(tau=t)).probabilities[0] - p).max() for t in (3e-3, 1e-3))
        assert nearer <= near * 0.8 + 1e-12
    assert several > 20
    with pytest.raises(NashsimError, match="did you mean 'entropy'"):
        lottery(PreferenceGame(P), tie_break="entrop")
