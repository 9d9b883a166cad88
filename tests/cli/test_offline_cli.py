"""``nashsim offline``: methods on fixed logs, sampled or of real votes."""

import pytest

from nashsim import games, solve
from nashsim.cli import call
from nashsim.offline import population_floor, run_offline
from nashsim.offline.logs import pair_policies, pair_shares
from tests.cli.called import spoken

WINS = "label,x,y,z\nx,0,80,35\ny,40,0,60\nz,65,40,0\n"


def test_it_says_what_the_library_says(capsys):
    found = spoken(
        capsys, "offline", "biased-rps", "--tau", "0.1", "--method", "plug-in", "--method", "bradley-terry",
        "--duels", "400", "--seeds", "3", "--json",
    )  # fmt: skip
    game = games.get("biased-rps").replace(tau=0.1)
    frame = run_offline(game, ["plug-in", "bradley-terry"], duels=400, seeds=3)
    mean = frame[frame.metric == "duality_gap"].groupby("method").value.mean()
    assert list(found["methods"]) == ["plug-in", "bradley-terry"] and found["pairs"] == "uniform"
    for name, part in found["methods"].items():
        assert part["gap_mean"] == pytest.approx(mean[name]) and part["gap_low"] < part["gap_mean"]
        assert sum(part["policy"].values()) == pytest.approx(1)
    floor = population_floor(game, pair_shares(game, *pair_policies(game, "uniform")), "bradley-terry")
    worst = found["methods"]["bradley-terry"]
    assert [worst["misspecification"], worst["floor"]] == pytest.approx(floor)


def test_votes_of_a_file_are_replayed(capsys, tmp_path):
    (tmp_path / "wins.csv").write_text(WINS)
    source = str(tmp_path / "wins.csv")
    found = spoken(
        capsys, "offline", source, "--format", "counts", "--tau", "0.2", "--method", "plug-in", "--seeds", "4",
        "--json",
    )  # fmt: skip
    assert (found["pairs"], found["votes"], found["duels"]) == ("votes", 320, 160)
    from nashsim.data import load

    exact = solve(load(source, format="counts").game(tau=0.2)).policy
    # the policy is the fit of all votes: the equilibrium of their shares
    assert found["methods"]["plug-in"]["policy"] == pytest.approx(exact.to_dict(), abs=1e-9)
    assert 0 < found["methods"]["plug-in"]["gap_mean"] < 0.1
    assert (
        call(["offline", source, "--format", "counts", "--tau", "0.2", "--pairs", "uniform", "--seeds", "2"])
        == 0
    )
    assert "uniform pairs" in capsys.readouterr().out


def test_a_saved_log_is_fitted(capsys, tmp_path):
    from nashsim.offline import plug_in
    from nashsim.online import Duels

    game = games.get("biased-rps").replace(tau=0.1)
    duels = Duels(game, seed=4)
    duels.round(game.reference, size=300)
    duels.log.save(tmp_path / "duels.npz")
    common = (
        "offline",
        "biased-rps",
        "--tau",
        "0.1",
        "--log",
        str(tmp_path / "duels.npz"),
        "--method",
        "plug-in",
    )
    found = spoken(capsys, *common, "--json")
    assert (found["pairs"], found["duels"], found["seeds"]) == ("log", 300, 1)
    fitted = plug_in(duels, game.reference, 0.1)
    part = found["methods"]["plug-in"]
    assert part["policy"] == pytest.approx(fitted.policy.to_dict()) and part["gap_low"] is None
    assert call(common) == 0 and "a log of 300 duels" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("rps",), "tau: fits of a log need --tau"),
        (("rps", "--tau", "0.1", "--method", "pepos"), "did you mean 'pepo'"),
        (("rps", "--tau", "0.1", "--pairs", "votes"), "votes need a file"),
        (("rps", "--tau", "0.1", "--duels", "0"), "whole numbers >= 1"),
        (("rps", "--tau", "0.1", "--method", "pessimistic", "--regulariser", "chi3"), "did you mean 'chi2'"),
        (("nowhere.csv", "--tau", "0.1"), "there is no file"),
        (("rps", "--tau", "0.1", "--log", "nowhere.npz"), "nowhere.npz"),
    ],
)
def test_refusals_are_one_line(capsys, arguments, said):
    assert call(["offline", *arguments]) == 2
    out = capsys.readouterr()
    assert said in out.err and out.err.count("\n") == 1 and not out.out
