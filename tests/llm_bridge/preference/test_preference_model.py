"""The preference model learns a cycle that no reward can; thresholds are derived, not tuned."""

from itertools import permutations

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from llm_bridge.data import Pair
from llm_bridge.judges import Comparison
from llm_bridge.preference import (
    FitSettings,
    Layout,
    ModelJudge,
    PairwiseJudgeAdapter,
    PreferenceModel,
    RewardJudge,
    RewardModel,
    calibration,
    cyclicity,
    fit,
    load_model,
    save_model,
)
from llm_bridge.preference.report import pools_of
from nashsim.errors import NashsimError

from ..models import config

# Tokens: 0 EOS, 1 BOS, 2-4 the responses' styles, 5 and 6 between, 7 the question, 8 and 9 the answers.
LAYOUT = Layout((1,), (5,), (6,), (7,), (8, 9), limit=24)
BEATS = {2: 3, 3: 4, 4: 2}
Q = 0.9


def backbone(seed=0, kind="llama", vocabulary=12):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return AutoModelForCausalLM.from_config(config(kind, vocabulary))


def cycle(prompts, q=Q):
    """Every ordered pair of three styles, a longer and a shorter wording of each."""
    return [
        Pair(x, (a, 0), (b, 0), q if BEATS[a] == b else 1 - q)
        for x in prompts
        for a, b in permutations((2, 3, 4), 2)
    ]


TRAIN, HELD_OUT = cycle([(10,), (11,), (10, 11)]), cycle([(11, 10)])


@pytest.fixture(scope="module", params=["tokens", "classifier"])
def learned(request):
    model = PreferenceModel(backbone(), LAYOUT, request.param)
    losses = fit(model, TRAIN, FitSettings(epochs=150, batch=18, lr=1e-2))
    return model, losses


@pytest.fixture(scope="module")
def rewarded():
    model = RewardModel(backbone(), LAYOUT)
    fit(model, TRAIN, FitSettings(epochs=150, batch=18, lr=1e-2))
    return model


def entropy(q):
    return -q * np.log(q) - (1 - q) * np.log(1 - q)


def test_the_preference_model_learns_the_cycle_on_a_prompt_it_never_saw(learned):
    model, losses = learned
    found = calibration(ModelJudge(model), HELD_OUT)
    assert found.floor == pytest.approx(entropy(Q), abs=1e-12)
    assert found.accuracy == 1
    # Half way from any reward's loss (log 2 at least) to the floor is out of every reward's reach.
    assert found.loss < (np.log(2) + found.floor) / 2
    assert losses[-1] < (np.log(2) + found.floor) / 2
    seen = cyclicity(ModelJudge(model), pools_of(HELD_OUT))
    assert seen["cyclic_triples"] == 1 and seen["condorcet"] == 0 and seen["smith_set"] == 3
    assert seen["cyclic_mass"] > 0.5


def test_a_reward_cannot_whatever_its_weights(rewarded):
    # Differences around a cycle sum to 0: at most 2 of 3 pairs come out right, and by Jensen's inequality
    # mean[softplus(d_i) - q d_i] = mean softplus(d_i) >= softplus(mean d_i) = log 2.
    untrained = RewardModel(backbone(3), LAYOUT)
    torch.nn.init.normal_(untrained.head.weight, generator=torch.Generator().manual_seed(0))
    for model in (rewarded, untrained):
        judge = ModelJudge(model)
        assert judge.bradley_terry
        found = calibration(judge, HELD_OUT)
        assert found.accuracy <= 2 / 3
        assert found.loss >= np.log(2) - 1e-7  # float32 rewards
        seen = cyclicity(judge, pools_of(HELD_OUT))
        assert seen["cyclic_triples"] == 0


def test_a_reward_learns_what_is_transitive():
    # The same tiny model and budget succeed where scores exist: the failure above is the cycle's.
    pairs = [
        Pair(x, (a, 0), (b, 0), 1 / (1 + np.exp(b - a)))
        for x in [(10,), (11,)]
        for a, b in permutations((2, 3, 4), 2)
    ]
    model = RewardModel(backbone(), LAYOUT)
    fit(model, pairs, FitSettings(epochs=150, batch=12, lr=1e-2))
    found = calibration(ModelJudge(model), pairs)
    assert found.accuracy == 1
    assert found.loss - found.floor < 0.01


@pytest.mark.parametrize("make", [lambda: PreferenceModel(backbone(1), LAYOUT), "classifier", "reward"])
def test_probabilities_of_both_orders_add_up_to_one_in_the_last_bit(make):
    if make == "reward":
        model = RewardModel(backbone(1), LAYOUT)
    else:
        model = make() if callable(make) else PreferenceModel(backbone(1), LAYOUT, make)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.5 * torch.randn(weight.shape, generator=generator)
    rng = np.random.default_rng(0)
    asked = [
        Comparison((10,), tuple(rng.integers(2, 5, n).tolist()), tuple(rng.integers(2, 5, m).tolist()))
        for n, m in rng.integers(1, 6, (200, 2))
    ]
    judge = ModelJudge(model, batch=7)
    forward = judge(asked)
    asked_once = judge.asked
    backward = judge([c.swapped() for c in reversed(asked)])[::-1]
    assert (forward + backward == 1).all()
    assert len(set(forward.tolist())) > 50  # not because all are 1/2
    assert judge.asked == asked_once  # the other order came from the cache
    assert judge([Comparison("q", "same", "same")]) == [0.5]


def test_exactness_over_the_whole_range_of_margins():
    class Fixed:
        bradley_terry = False

        def margins(self, comparisons):
            return torch.tensor([c.a[0] - c.b[0] for c in comparisons], dtype=torch.float64)

    margins = np.random.default_rng(0).normal(0, 1, 20000) * np.exp(
        np.random.default_rng(1).uniform(-30, 7, 20000)
    )
    judge = ModelJudge(Fixed(), cache=0)
    one = judge([Comparison("q", (float(m),), (0.0,)) for m in margins])
    other = judge([Comparison("q", (0.0,), (float(m),)) for m in margins])
    assert (one + other == 1).all()
    assert (one[margins > 0] >= 0.5).all() and (one[margins < 0] <= 0.5).all()


def test_position_bias_is_removed():
    model = PreferenceModel(backbone(), LAYOUT, "classifier")
    torch.nn.init.normal_(model.head.weight, generator=torch.Generator().manual_seed(0))
    asked = [Comparison((10,), (2,), (3, 3))]
    with torch.no_grad():
        f, g = model.log_odds(asked), model.log_odds([asked[0].swapped()])
        assert abs((f + g).item()) > 1e-3  # it does favour a position
        torch.testing.assert_close(model.margins(asked), (f - g) / 2)


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_two_token_head_is_the_language_models_own(kind):
    model = PreferenceModel(backbone(kind=kind), LAYOUT)
    asked = Comparison((10,), (2, 4), (3,))
    with torch.no_grad():
        ids = torch.tensor([(1, 10, 5, 2, 4, 6, 3, 7)])
        logits = model.backbone(input_ids=ids).logits[0, -1]
        longer = Comparison((10, 11), (2, 2, 2, 2), (3,))  # pads the first on the right
        torch.testing.assert_close(model.log_odds([asked, longer])[0], logits[8] - logits[9])


@pytest.mark.parametrize("kind", ["tokens", "classifier", "bradley-terry"])
def test_saved_and_loaded_to_the_same_bits(tmp_path, kind):
    model = (
        RewardModel(backbone(), LAYOUT)
        if kind == "bradley-terry"
        else PreferenceModel(backbone(), LAYOUT, kind)
    )
    fit(model, TRAIN, FitSettings(batch=6, lr=1e-2))
    save_model(model, tmp_path / "m")
    again = load_model(tmp_path / "m")
    assert type(again) is type(model) and again.layout == LAYOUT and again.kind == kind
    asked = [Comparison(p.prompt, p.a, p.b) for p in HELD_OUT]
    assert (ModelJudge(again)(asked) == ModelJudge(model)(asked)).all()
    names = {path.suffix for path in (tmp_path / "m").iterdir()}
    assert names <= {".json", ".safetensors"}  # nothing pickled
    with pytest.raises(NashsimError, match="no preference model is there"):
        load_model(tmp_path)


def test_same_seed_same_bits():
    def run():
        model = PreferenceModel(backbone(), LAYOUT)
        return fit(model, TRAIN, FitSettings(epochs=2, batch=5, lr=1e-2))

    assert run() == run()


def test_calibration_by_hand_and_turning_pairs_around():
    said = {("a", "b"): 0.9, ("c", "d"): 0.3, ("e", "f"): 0.62, ("g", "h"): 0.5}
    said |= {(b, a): 1 - p for (a, b), p in said.items()}
    pairs = [
        Pair("q", "a", "b", 1.0),
        Pair("q", "c", "d", 1.0),
        Pair("q", "e", "f", 0.5),
        Pair("q", "g", "h", 0.0),
    ]
    judge = lambda batch: np.array([said[c.a, c.b] for c in batch])  # noqa: E731
    found = calibration(judge, pairs, bins=5)
    assert found.accuracy == pytest.approx((1 + 0 + 0.5) / 3)
    # confidences .9, .7, .62, .5 in bins 4, 2, 1, 0; frequencies 1, 0, .5, 0
    assert found.ece == pytest.approx((0.1 + 0.7 + 0.12 + 0.5) / 4)
    assert found.brier == pytest.approx((0.01 + 0.49 + 0.0144 + 0.25) / 4)
    turned = [Pair("q", p.b, p.a, 1 - p.probability) for p in pairs[:3]]
    assert calibration(judge, turned, 5).ece == pytest.approx(calibration(judge, pairs[:3], 5).ece)
    certain = calibration(lambda batch: np.ones(len(batch)), pairs[:1])
    assert (certain.loss, certain.ece, certain.floor) == (0, 0, 0)


def test_reward_judge_is_marked_and_transitive():
    judge = RewardJudge(lambda prompts, responses: [float(len(y)) for y in responses], scale=2.0)
    assert judge.bradley_terry and "no cycles" in judge.forbids
    assert judge([Comparison("q", "aaa", "a")])[0] == pytest.approx(1 / (1 + np.exp(-1.0)))
    with pytest.raises(NashsimError, match="finite"):
        RewardJudge(lambda prompts, responses: [float("nan")] * len(prompts))([Comparison("q", "a", "b")])


def test_reward_judge_of_a_classifier_matches_the_classifier():
    from transformers import AutoModelForSequenceClassification

    settings = config("llama", 12)
    settings.num_labels, settings.pad_token_id = 1, 0
    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_config(settings).eval()

    class Tokenizer:
        chat_template = None

        def __call__(self, text):
            return {"input_ids": [int(c) + 1 for c in text]}

    judge = RewardJudge.of_classifier(model, Tokenizer(), batch=2)
    with torch.no_grad():
        r = [model(input_ids=torch.tensor([[int(c) + 1 for c in t]])).logits.item() for t in ("12345", "127")]
    asked = [Comparison("12", "345", "7"), Comparison("12", "7", "345")]
    assert judge(asked) == pytest.approx(
        [1 / (1 + np.exp(r[1] - r[0])), 1 / (1 + np.exp(r[0] - r[1]))], abs=1e-6
    )


def test_pairwise_adapter_indices_failures_and_ids():
    class Longest:
        def judge(self, prompts, completions):
            return [int(len(b) > len(a)) for a, b in completions]

    judge = PairwiseJudgeAdapter(Longest(), decode=lambda ids: "x" * sum(ids))
    assert judge([Comparison((1,), (3,), (1,)), Comparison((1,), (1,), (2,))]).tolist() == [1.0, 0.0]
    failed = PairwiseJudgeAdapter(lambda prompts, pairs: [-1] * len(pairs), retries=0)
    with pytest.raises(NashsimError, match="0 or 1"):
        failed([Comparison("q", "a", "b")])


def test_faults_in_one_line():
    model = PreferenceModel(backbone(), LAYOUT)
    for match, call in {
        "at least one is needed": lambda: fit(model, []),
        "text needs one": lambda: model.margins([Comparison("text", "a", "b")]),
        "exceed the preference model's context of 24": lambda: model.margins(
            [Comparison((10,), (2,) * 30, (3,))]
        ),
        "did you mean 'tokens'": lambda: PreferenceModel(backbone(), LAYOUT, "token"),
        "two different answer tokens": lambda: Layout((), (5,), (6,), (7,), (8, 8)),
        "three different responses": lambda: cyclicity(ModelJudge(model), {(10,): [(2,), (3,)]}),
    }.items():
        with pytest.raises(NashsimError, match=match) as caught:
            call()
        assert "\n" not in str(caught.value)


def test_a_loss_that_is_no_number_stops_the_fit():
    model = PreferenceModel(backbone(), LAYOUT, "classifier")
    torch.nn.init.constant_(model.head.weight, float("nan"))
    with pytest.raises(NashsimError, match="loss of step 1 is nan, on pairs"):
        fit(model, TRAIN)


def test_adapters_are_fitted_saved_and_loaded_over_their_base(tmp_path):
    from peft import LoraConfig, get_peft_model

    backbone().save_pretrained(tmp_path / "base")
    base = AutoModelForCausalLM.from_pretrained(tmp_path / "base")
    before = {name: weight.clone() for name, weight in base.state_dict().items()}
    adapted = get_peft_model(base, LoraConfig(r=4, target_modules=["q_proj", "v_proj"], lora_dropout=0.1))
    model = PreferenceModel(adapted, LAYOUT, "classifier")
    losses = fit(model, TRAIN, FitSettings(epochs=20, batch=18, lr=1e-2))
    assert losses[-1] < losses[0]
    now = {name.replace(".base_layer", ""): weight for name, weight in base.state_dict().items()}
    assert all(torch.equal(now[name], weight) for name, weight in before.items())  # the base stays as it was
    save_model(model, tmp_path / "m")
    assert not (tmp_path / "m" / "model.safetensors").exists()  # adapters and head alone
    again = load_model(tmp_path / "m")
    asked = [Comparison(p.prompt, p.a, p.b) for p in HELD_OUT]
    assert (ModelJudge(again)(asked) == ModelJudge(model)(asked)).all()


@pytest.mark.parametrize("make", [PreferenceModel, RewardModel])
def test_parts_of_a_batch_add_up_to_it(make):
    told = []
    losses = {}
    for rows in (None, 2, 6):
        model = make(backbone().double(), LAYOUT)
        settings = FitSettings(epochs=1, batch=10, lr=1e-2, rows=rows)
        losses[rows] = fit(model, TRAIN, settings, lambda *told_now, kept=told: kept.append(told_now))
    assert np.allclose(losses[2], losses[None], rtol=1e-10) and np.allclose(
        losses[6], losses[None], rtol=1e-10
    )
    # With room for three pairs a step of ten has four parts: something is told at once, and within the first step.
    began = max(i for i, (done, *_) in enumerate(told) if done == 0)
    assert [done for done, *_ in told[began : began + 5]] == [0, 0.3, 0.6, 0.9, 1]
    assert [loss for *_, loss in told[began : began + 5]] == [None] * 4 + losses[6][:1]
