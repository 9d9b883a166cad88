"""The loop brings a transformer to the exact Nash, in the rule's own steps."""

import numpy as np
import pytest
import torch

from llm_bridge.algorithms import get_algorithm
from llm_bridge.judges import CallableJudge
from llm_bridge.policy import CausalPolicy
from llm_bridge.policy.sequences import Sequences
from llm_bridge.tasks import EnumerableTask
from llm_bridge.tasks.enumerated_source import Enumerated
from llm_bridge.tasks.exact import train
from llm_bridge.trainer import Settings, Trainer
from llm_bridge.training.batch import Request
from llm_bridge.training.source import Sampled
from nashsim import NashsimError, StepSizeWarning, run
from nashsim.rules import MirrorStep, OptimisticOMD, get_rule

from ..enumerated import token_mixture
from ..models import loss_of, shake
from ..models import policy as random_policy

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def small():
    return EnumerableTask(vocabulary=5, length=2, tau=0.1)


@pytest.fixture(scope="module")
def trained(small):
    return train(small, "nash-md", queries=12, record=1)


def policy_of(task):
    return CausalPolicy(task.build_model(), eos=0, pad=0)


def trainer_of(task, algorithm, source=None, **options):
    return Trainer(
        policy_of(task), task.prompts, algorithm, source or Enumerated(task), tau=task.tau, **options
    )


def sampled(task, **options):
    return Sampled(task.judge, task.length, **options)


def test_gap_falls_below_a_tenth_of_the_reference(trained):
    first, last = trained.records[0]["duality_gap"], trained.records[-1]["duality_gap"]
    assert first > 0.05 and last < 0.1 * first


def test_first_fitted_step_is_the_tabular_step(small, trained):
    """One fit of Nash-MD against the engine's step; a sign or an inverse step flipped moves it by far more."""
    one = train(small, "nash-md", queries=1, settings=Settings(fit_steps=200))
    with torch.no_grad():
        reference = small.log_probs(small.build_model()).double().log_softmax(-1).numpy()
    twin = run(small.measure_against(reference).game.game, "nash-md", queries=1)
    found = [one.records[-1][f"mass {name}"] for name in small.names]
    exact = np.exp(twin.log_policy).mean(axis=0)
    start = [one.records[0][f"mass {name}"] for name in small.names]
    assert np.abs(exact - start).max() > 0.1
    assert np.abs(np.array(found) - exact).max() < 0.01


def test_frame_is_tidy_and_of_the_shape_of_runs(trained):
    frame = trained.frame()
    assert list(frame.columns) == ["game", "rule", "seed", "step", "queries", "metric", "value"]
    assert {"duality_gap", "class_gap", "within_class_gap", "mass rock"} <= set(frame.metric)
    gaps = frame[frame.metric == "duality_gap"]
    assert list(gaps.step) == list(gaps.queries) == list(range(13))  # one call an iteration
    assert set(frame.rule) == {"nash-md"} and set(frame.game) == {"enumerable"}


def test_two_calls_cost_two_queries(small):
    done = train(small, "nash-mp", queries=5, settings=Settings(fit_steps=2))
    assert [row["queries"] for row in done.records] == [0, 2, 4]


def test_samples_are_drawn_from_the_seed_and_paid_for(small):
    algorithm = get_algorithm("omd", responses=4, comparators=2)
    runs = [
        train(
            small,
            algorithm,
            queries=2,
            settings=Settings(fit_steps=3),
            source=sampled(small, duels=True),
            seed=seed,
        )
        for seed in (0, 0, 1)
    ]
    assert np.array_equal(runs[0].log_policy, runs[1].log_policy)
    assert not np.array_equal(runs[0].log_policy, runs[2].log_policy)
    assert runs[0].records[-1]["comparisons"] == 2 * len(small.prompts) * 4 * 2


def test_a_prompts_samples_do_not_depend_on_the_other_prompts(small):
    source, policy = sampled(small), policy_of(small)
    weights = {"policy": 0.5, "reference": 0.5}
    together = source.draw(policy, small.prompts, weights, "y", 3).responses()
    alone = [source.draw(policy, [p], weights, "y", 3).responses()[0] for p in small.prompts]
    assert together == alone


@pytest.mark.parametrize("rule", ["self-play-pg", "nash-prox-pg"])
def test_policy_gradient_is_the_gradient_of_the_regularised_objective(rule):
    """Against autograd through E_pi[P(y ≻ opp)] - tau KL(pi || mu) - (tau/s) KL(pi || target)."""
    task = EnumerableTask(vocabulary=5, length=2, tau=0.1, dtype=torch.float64)
    trainer = trainer_of(task, rule)
    policy, source, algorithm = trainer.policy, trainer.source, trainer.algorithm
    reference = source.table(policy, "reference")
    shake(policy, 0.05, 1)
    if rule == "nash-prox-pg":
        policy.snapshot("target")
        shake(policy, 0.05, 2)
    step = trainer.step
    batch = trainer.judge(trainer.sample(step, algorithm))
    found = torch.autograd.grad(loss_of(algorithm, step, batch, policy), policy.parameters())

    log_policy = task.log_probs(policy.model)
    full = torch.as_tensor(task.judge.preference)[source.classes][:, source.classes]
    value = log_policy.detach().exp() @ full.T - task.tau * (log_policy - reference)
    if rule == "nash-prox-pg":
        value = value - 0.5 * (log_policy - source.table(policy, "target"))  # s = 2 tau
    objective = (log_policy.exp() * value).sum(1).mean()
    exact = torch.autograd.grad(-objective, policy.parameters())
    scale = max(g.abs().max() for g in exact)
    assert scale > 1e-4
    for one, other in zip(found, exact, strict=True):
        # Llama's norms compute in float32 whatever the weights, so the two backward passes round to 6e-8
        assert (one - other).abs().max() < 1e-6 * scale


def test_online_ipo_climbs_as_fast_as_self_play():
    """In the loop, at one rate the two every-step methods have one gradient."""
    task = EnumerableTask(vocabulary=5, length=2, tau=0.1, dtype=torch.float64)
    gradients = []
    for rule in ("self-play-pg", "online-ipo"):
        trainer = trainer_of(task, rule)
        shake(trainer.policy, 0.05, 1)
        step = trainer.algorithm.carried(trainer.step)
        batch = trainer.judge(trainer.sample(step, trainer.algorithm))
        loss = loss_of(trainer.algorithm, step, batch, trainer.policy)
        gradients.append(torch.autograd.grad(loss, trainer.policy.parameters()))
    scale = max(g.abs().max() for g in gradients[0])
    assert all((a - b).abs().max() < 1e-5 * scale for a, b in zip(*gradients, strict=True))


def test_egpo_takes_the_second_gradient_at_the_first_point():
    """One iteration by plain descent against two gradients by hand; at the half step it would end elsewhere."""
    task = EnumerableTask(vocabulary=5, length=2, tau=0.1, dtype=torch.float64)
    settings = Settings(lr=0.5, optimiser="sgd", clip=1e9)
    trainer = trainer_of(task, "egpo", settings=settings)
    shake(trainer.policy, 0.05, 1)
    by_hand = trainer_of(task, "egpo", settings=settings)
    by_hand.policy.load_weights(trainer.policy.weights())
    trainer.run(1)

    policy, source, start = by_hand.policy, by_hand.source, by_hand.policy.weights()
    moved = {}
    for opponent, at_half in (("policy", False), ("half", False), ("half", True)):
        log_opponent = source.table(policy, opponent)
        if at_half:
            policy.copy("half", "policy")
        log_policy, mu = task.log_probs(policy.model), source.table(policy, "reference")
        weights = log_policy.detach().exp()
        residual = log_policy - mu - source.payoff(log_opponent) / task.tau
        spread = (weights * residual**2).sum(1) - (weights * residual).sum(1) ** 2
        (task.tau / 4 * 2 * spread.mean()).backward()
        with torch.no_grad():
            for weight in policy.parameters():
                weight -= 0.5 * weight.grad
                weight.grad = None
        if opponent == "policy":
            policy.snapshot("half")
        moved[opponent, at_half] = policy.weights()
        policy.load_weights(start)
    found = trainer.policy.weights()

    def off(other):
        return max(float((found[k] - other[k]).abs().max()) for k in found)

    # norms in float32 round gradients to 6e-8 of their size
    assert off(moved["half", False]) < 1e-6
    assert off(moved["policy", False]) > 1e-4 and off(moved["half", True]) > 1e-4


def test_token_mixture_of_the_enumeration_is_that_of_prefix_tables():
    made = random_policy("llama", vocabulary=5)
    shake(made, 0.3, 5)
    task = EnumerableTask(vocabulary=5, length=3, prompts=((1, 2),))
    source = Enumerated(task)
    weights = {"policy": 0.7, "reference": 0.3}
    found = source.distribution(made, weights, lambda name: name, level="token")[0]
    exact = token_mixture(made, source.all, weights)
    assert float((found - exact).abs().max()) < 1e-6
    whole = source.distribution(made, weights, lambda name: name)[0]
    assert float((whole.exp() - found.exp()).abs().sum()) > 0.02


@pytest.mark.parametrize("duels", [False, True])
def test_equal_responses_count_one_half(small, duels):
    biased = CallableJudge(lambda batch: [1.0] * len(batch), both_orders=False)
    source = Sampled(biased, 2, duels=duels)
    answers = source.ask([(1, 2)] * 3, [(1,), (2,), (1,)], [(1,), (1,), (2,)], seed=0)
    assert answers.tolist() == [0.5, 1.0, 1.0]


def test_prompts_come_round_once_an_epoch(small):
    trainer = trainer_of(small, "omd", sampled(small), settings=Settings(prompts=2, fit_steps=1), seed=4)
    seen = []
    for trainer.iteration in range(6):
        seen += trainer._prompts()
    assert sorted(seen[:3]) == sorted(seen[3:6]) == sorted(small.prompts)
    assert len({tuple(seen[i : i + 3]) for i in range(0, 12, 3)}) > 1


def test_minibatches_cover_a_batch_once_an_epoch(small):
    trainer = trainer_of(
        small,
        get_algorithm("omd", responses=4),
        sampled(small),
        settings=Settings(minibatch=6, fit_steps=6),
    )
    trainer.tick()
    items = []
    for trainer.done in range(3):
        items += trainer._chosen(trainer.algorithm).tolist()
    assert sorted(items) == list(range(18))  # 3 prompts of 6 pairs


def test_winner_labels_of_other_pairs_are_refused(small):
    trainer = trainer_of(small, get_algorithm("inpo", pairs={"reference": 1.0}), sampled(small))
    with pytest.raises(NashsimError, match="i.i.d. from the opponent"):
        trainer.run(1)
    best = trainer_of(
        small, get_algorithm("inpo", selection="best-worst", responses=4), sampled(small),
        settings=Settings(fit_steps=2),
    )  # fmt: skip
    best.tick()
    assert len(best.batch.pairs) == len(small.prompts)
    first, second = best.batch.payoff[best.batch.pairs].T
    assert (first >= second).all() and (best.batch.wins == 1).all()
    assert best.comparisons == len(small.prompts) * 6


def test_nan_ends_early_with_one_line(small):
    trainer = trainer_of(small, "nash-md-pg")
    with torch.no_grad():
        trainer.policy.parameters()[0][0] = torch.nan
    with pytest.raises(NashsimError, match="loss nan .* iteration 0") as error:
        trainer.run(1)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("clip", [1e9, 1e-3])
def test_records_tell_loss_gradient_and_rate_of_the_last_optimiser_step(small, clip):
    """Plain descent moves the weights by rate times norm, or times the limit where that is less."""
    settings = Settings(lr=0.5, clip=clip, optimiser="sgd", schedule="linear", iterations=4)
    trainer = trainer_of(small, "online-ipo", settings=settings, measure=lambda policy: {"measured": 1.0})
    trainer.run(2)
    assert set(trainer.records[0]) == {"step", "queries", "comparisons", "measured"}
    step = trainer.algorithm.carried(trainer.step)
    batch = trainer.judge(trainer.sample(step, trainer.algorithm))
    loss = loss_of(trainer.algorithm, step, batch, trainer.policy).item()
    before = torch.cat([w.flatten() for w in trainer.policy.weights().values()])
    trainer.run(3)
    moved = torch.cat([w.flatten() for w in trainer.policy.weights().values()]) - before
    last = trainer.records[-1]
    assert last["loss"] == pytest.approx(loss, rel=1e-5)
    assert last["learning_rate"] == pytest.approx(settings.rate(2)) and 0 < settings.rate(2) < 0.5
    assert (last["grad_norm"] > clip) == (clip < 1)
    length = last["learning_rate"] * min(last["grad_norm"], clip)
    assert moved.norm().item() == pytest.approx(length, rel=1e-3)
    # What the first record lacks has no row.
    frame = trainer.frame()
    assert len(frame) == 4 * 2 + 3 * 3 and frame.value.notna().all()


def test_bfloat16_trains():
    task = EnumerableTask(vocabulary=5, length=2, tau=0.1, dtype=torch.bfloat16)
    done = train(task, "nash-md", queries=4)
    gaps = [row["duality_gap"] for row in done.records]
    assert next(done.model.parameters()).dtype == torch.bfloat16
    assert gaps[-1] < 0.6 * gaps[0]


def test_empty_budgets_and_bad_settings_are_refused(small):
    with pytest.raises(NashsimError, match="a budget of at least 2"):
        train(small, "egpo", queries=1)
    for bad in ({"fit_steps": 0}, {"minibatch": 0}, {"optimiser": "lion"}, {"lr": -1.0}):
        with pytest.raises(NashsimError):
            Settings(**bad)
    with pytest.raises(NashsimError, match="tau"):
        Trainer(policy_of(small), small.prompts, "inpo", sampled(small), tau=0.0)


def test_too_many_pairs_are_refused_with_a_remedy(small, monkeypatch):
    monkeypatch.setattr("llm_bridge.tasks.enumerated_source.MOST_PAIRS", 3 * 21**2 - 1)
    with pytest.raises(NashsimError, match="all 21 responses .* use sampled responses"):
        train(small, "dno", queries=1)


def test_replay_grows_and_the_explorer_tilts(small):
    trainer = trainer_of(small, "enpo", sampled(small), settings=Settings(fit_steps=2)).run(3)
    assert len(trainer.buffer) == 3 * len(small.prompts)
    assert all(len(first) == len(second) == 1 for _, first, second in trainer.buffer)
    assert "previous iterate" in trainer.policy.past_names


def test_reference_refresh_of_comal_moves_the_reference(small):
    algorithm = get_algorithm("comal", inner=2)
    trainer = trainer_of(small, algorithm, settings=Settings(fit_steps=3))
    batch = Sequences.of(small.prompts, [(1, 0)] * 3)
    start = trainer.policy.sequence_log_probs(batch, "reference")
    trainer.run(1)
    assert torch.equal(trainer.policy.sequence_log_probs(batch, "reference"), start)
    trainer.run(2)
    moved = trainer.policy.sequence_log_probs(batch, "reference")
    assert torch.allclose(moved, trainer.policy.sequence_log_probs(batch).detach())
    assert not torch.allclose(moved, start, atol=1e-3)


def test_demo_ends_with_gap_masses_and_equilibrium():
    from typer.testing import CliRunner

    from llm_bridge.cli.app import app

    shown = CliRunner().invoke(app, ["demo", "--queries", "2"])
    assert shown.exit_code == 0, shown.output
    table = shown.output.strip().splitlines()[-6:]
    assert table[0].split() == ["class", "reference", "trained", "equilibrium"]
    assert [line.split()[0] for line in table[1:5]] == ["rock", "paper", "scissors", "other"]
    columns = np.array([[float(v) for v in line.split()[1:]] for line in table[1:5]])
    assert np.allclose(columns.sum(axis=0), 1, atol=3e-4)  # four figures, four decimals each


def test_one_decode_loop_draws_what_two_would(small, monkeypatch):
    found = []
    for together in (True, False):
        if not together:
            monkeypatch.setattr("llm_bridge.training.rollout.SampledRollout._one_loop", lambda *_: False)
        trainer = trainer_of(small, "nash-md-pg", sampled(small), seed=2)
        shake(trainer.policy, 0.05, 1)
        found.append(trainer.judge(trainer.sample(trainer.step, trainer.algorithm)))
    assert found[0].responses.responses() == found[1].responses.responses()
    assert torch.equal(found[0].payoff, found[1].payoff)


def test_the_payoff_of_a_signed_opponent_adds_up_over_its_policies(small):
    """P(. ≻ 2 pi - mu) by sampled comparators of each, by the enumeration, and by the class masses."""
    policy = policy_of(small)
    shake(policy, 2.0, 1)
    algorithm = get_algorithm("optimistic", comparators=4000)
    step = MirrorStep({"policy": 1.0}, {"policy": 2.0, "reference": -1.0}, 0.5, arithmetic=True)
    source = Enumerated(small)
    alone, mu = (source.payoff(source.table(policy, name)) for name in ("policy", "reference"))
    request = Request(policy, algorithm, step, lambda name: name, small.prompts[:1])
    batch = source.sample(request).judged()
    np.testing.assert_allclose(batch.payoff, (2 * alone - mu).flatten(), atol=1e-12)

    rows = small.enumeration.responses()[:6]
    rollout = sampled(small).sample(request)
    found, _ = rollout._judged([[small.prompts[0], rows, []]], rows, [0] * 6, [])
    # an answer in [0, 1] has a variance of at most 1/4: five standard errors of 2 a - b
    error = 5 * np.sqrt((4 + 1) / 4 / 4000)
    assert (
        np.abs(found - (2 * alone - mu)[0, :6].numpy()).max()
        < error
        < np.abs(found - alone[0, :6].numpy()).max()
    )
    with pytest.raises(NashsimError, match="negative weight, so that nothing can be drawn"):
        sampled(small).draw(policy, small.prompts, step.opponent, "z", 0, arithmetic=True)


def test_optimism_trains_as_its_tabular_run(small):
    """Four fitted iterations; without the payoff's last change the masses end elsewhere."""
    done = train(small, "optimistic", queries=4, settings=Settings(fit_steps=200))
    with torch.no_grad():
        reference = small.log_probs(small.build_model()).double().log_softmax(-1).numpy()
    game = small.measure_against(reference).game.game
    rule = get_rule("optimistic")
    bare = OptimisticOMD(step=rule.eta(small.tau), optimism=0.0)
    with pytest.warns(StepSizeWarning):
        twin, other = (run(game, r, queries=4) for r in (rule, bare))
    found = np.array([done.records[-1][f"mass {name}"] for name in small.names])
    near, far = (np.abs(found - np.exp(r.log_policy).mean(axis=0)).max() for r in (twin, other))
    assert near < far / 4


def test_arithmetic_opponents_speak_with_one_voice_a_response(small):
    """MNPO's opponent, sum_k w_k pi_k, by its class masses over many draws."""
    policy = policy_of(small)
    shake(policy, 0.3, 1)
    weights, draws = {"policy": 0.5, "reference": 0.5}, 4000
    prompt = small.prompts[0]
    said = sampled(small).draw(policy, [prompt] * draws, weights, "z", 0, arithmetic=True).responses()
    source = Enumerated(small)
    exact = source.distribution(policy, weights, lambda name: name, arithmetic=True)[0].exp()
    other = source.distribution(policy, weights, lambda name: name)[0].exp()
    place = {y: i for i, y in enumerate(small.enumeration.responses())}
    share = torch.bincount(torch.tensor([place[y] for y in said]), minlength=len(exact)) / draws
    # E|share - p|_1 <= sum sqrt(p (1-p)/n); twice that is far outside chance, the geometric mixture further still
    noise = float((exact * (1 - exact) / draws).sqrt().sum())
    assert float((share - exact).abs().sum()) < 2 * noise < float((share - other).abs().sum())
