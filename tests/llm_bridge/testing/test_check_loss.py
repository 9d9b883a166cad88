"""check_loss passes the package's losses and names what is wrong with published mistakes."""

import pytest
import torch
from torch.nn.functional import logsigmoid

from llm_bridge.algorithms.fits.offline.dpo import dpo_loss
from llm_bridge.algorithms.fits.offline.kto import kto_loss
from llm_bridge.algorithms.fits.policy_gradient import policy_gradient_loss
from llm_bridge.algorithms.fits.regression import regression_loss
from llm_bridge.algorithms.labels import Labels, PairDistribution
from llm_bridge.testing import LossCheckError, check_loss
from nashsim import NashsimError
from nashsim.rules import EGPO, INPO, NashMD, NashMDPG, OnlineIPO, SelfPlayPG

torch.set_num_threads(1)
TAU = 0.5


def ours_dpo(
    policy_chosen_logps, policy_rejected_logps, reference_chosen_logps, reference_rejected_logps, beta
):
    current = torch.stack([policy_chosen_logps, policy_rejected_logps], 1)
    return dpo_loss(current, torch.stack([reference_chosen_logps, reference_rejected_logps], 1), beta)


def ours_kto(logps, reference_logps, desirable, beta, z0):
    return kto_loss(logps, reference_logps, desirable, beta, z0=z0)


def regression(step):
    def ours(
        chosen_logps,
        rejected_logps,
        previous_chosen_logps,
        previous_rejected_logps,
        reference_chosen_logps,
        reference_rejected_logps,
    ):
        past = {
            "policy": torch.stack([previous_chosen_logps, previous_rejected_logps], 1),
            "reference": torch.stack([reference_chosen_logps, reference_rejected_logps], 1),
        }
        labels = Labels.winner(torch.ones(len(chosen_logps)), PairDistribution(step.opponent))
        return regression_loss(step, torch.stack([chosen_logps, rejected_logps], 1), past, labels)

    return ours


def gradient(step):
    def ours(per_token_logps, reference_token_logps, mask, payoff):
        return policy_gradient_loss(step, per_token_logps, {"reference": reference_token_logps}, mask, payoff)

    return ours


def ipo(chosen_logps, rejected_logps, ref_chosen_logps, ref_rejected_logps, tau):
    difference = chosen_logps - rejected_logps - (ref_chosen_logps - ref_rejected_logps)
    return (difference - 1 / (2 * tau)) ** 2, difference.detach()  # TRL returns losses and rewards


@pytest.mark.parametrize(
    "loss, claim",
    [
        (ours_dpo, "dpo"),
        (ours_kto, "kto"),
        (ipo, "ipo"),
        (regression(INPO(eta_inverse=0.8).steps(TAU, 0)[0]), INPO(eta_inverse=0.8)),
        (regression(NashMD(step=0.7).steps(TAU, 0)[0]), NashMD(step=0.7)),
        (regression(EGPO(step=0.7).steps(TAU, 0)[0]), EGPO(step=0.7).steps(TAU, 0)[0]),
        (ipo, OnlineIPO),
        (gradient(SelfPlayPG().steps(TAU, 0)[0]), "policy-gradient"),
        (gradient(NashMDPG(mixture=0.4).steps(TAU, 0)[0]), NashMDPG(mixture=0.4)),
    ],
    ids=["dpo", "kto", "ipo", "inpo", "nash-md", "egpo-half", "online-ipo", "self-play-pg", "nash-md-pg"],
)
def test_the_losses_of_the_package_pass(loss, claim):
    report = check_loss(loss, claim, tau=TAU)
    assert {"label convention", "batch average"} <= set(report.held)
    assert {"minimiser", "expected gradient"} & set(report.held)


def test_a_rule_by_its_name_and_the_letters_of_papers():
    def inpo(log_pi_w, log_pi_l, log_pi_t_w, log_pi_t_l, log_mu_w, log_mu_l, eta, tau):
        h = (
            log_pi_w
            - log_pi_l
            - (1 - eta * tau) * (log_pi_t_w - log_pi_t_l)
            - eta * tau * (log_mu_w - log_mu_l)
        )
        return ((h - eta / 2) ** 2).mean()

    assert "minimiser" in check_loss(inpo, "inpo").held

    def climb(log_pi, log_mu, payoff, tau):
        return -((payoff - tau * (log_pi - log_mu)).detach() * log_pi).mean()

    assert "expected gradient" in check_loss(climb, "self-play-pg").held


def test_trl_s_kto_with_its_batch_of_divergences():
    def kto(
        policy_chosen_logps, policy_rejected_logps, policy_KL_logps,
        reference_chosen_logps, reference_rejected_logps, reference_KL_logps, beta,
    ):  # fmt: skip
        kl = (policy_KL_logps - reference_KL_logps).mean().detach().clamp(min=0)
        chosen = 1 - torch.sigmoid(beta * (policy_chosen_logps - reference_chosen_logps - kl))
        rejected = 1 - torch.sigmoid(beta * (kl - (policy_rejected_logps - reference_rejected_logps)))
        return torch.cat([chosen, rejected])

    check_loss(kto, "kto")


def found(loss, claim, **options):
    with pytest.raises(LossCheckError) as caught:
        check_loss(loss, claim, raise_first=False, **options)
    return {failure.property: failure for failure in caught.value.failures}


def mistaken(change):
    """TRL's signature of DPO with one change of its arguments."""

    def loss(chosen_logps, rejected_logps, ref_chosen_logps, ref_rejected_logps, beta):
        return change(chosen_logps, rejected_logps, ref_chosen_logps, ref_rejected_logps, beta)

    return loss


def dpo(chosen, rejected, ref_chosen, ref_rejected, beta):
    return -logsigmoid(beta * (chosen - rejected - (ref_chosen - ref_rejected))).mean()


@pytest.mark.parametrize(
    "change, broken",
    [
        (lambda c, r, m, n, b: dpo(r, c, n, m, b), {"label convention", "minimiser"}),
        (lambda c, r, m, n, b: dpo(c, r, n, m, b), {"minimiser"}),
        (lambda c, r, m, n, b: dpo(c, r, 0 * m, 0 * n, b), {"minimiser"}),
        (lambda c, r, m, n, b: dpo(c, r, m, n, 1 / b), {"minimiser"}),
        (lambda c, r, m, n, b: dpo(c, r, m, n, 1.1 * b), {"minimiser"}),
        (lambda c, r, m, n, b: dpo(c, r, m, n, b) * len(c), {"batch average"}),
        (lambda c, r, m, n, b: dpo(c.detach(), r.detach(), m, n, b), {"losses returned"}),
    ],
    ids=["labels", "reference exchanged", "no reference", "inverse", "1.1 beta", "a sum", "detached"],
)
def test_mistakes_on_pairs(change, broken):
    check_loss(mistaken(dpo), "dpo")
    failures = found(mistaken(change), "dpo")
    assert broken <= set(failures) and ("batch average" in failures) == ("batch average" in broken)
    if "losses returned" not in broken:
        assert "2 responses" in failures[min(broken)].finding  # the smallest example


def test_the_inverse_step_is_told_by_how_far_it_goes():
    def inverse(chosen_logps, rejected_logps, ref_chosen_logps, ref_rejected_logps, tau):
        return ipo(chosen_logps, rejected_logps, ref_chosen_logps, ref_rejected_logps, 1 / tau)[0].mean()

    assert "0.25 times as far" in found(inverse, "ipo", tau=0.5)["minimiser"].finding


def credited(per_token_logps, ref_per_token_logps, completion_mask, rewards, tau, credit, baseline=0.5):
    score = tau * torch.where(completion_mask, ref_per_token_logps - per_token_logps, 0.0).detach()
    share = credit(score) + rewards[:, None] - baseline
    return -(torch.where(completion_mask, share, 0.0) * per_token_logps).sum(-1).mean()


def test_the_divergence_of_the_same_token_alone():
    def same_token(per_token_logps, ref_per_token_logps, completion_mask, rewards, tau):
        return credited(
            per_token_logps, ref_per_token_logps, completion_mask, rewards, tau, lambda score: score
        )

    failures = found(same_token, "policy-gradient")
    assert set(failures) == {"reward-to-go", "expected gradient"}
    assert "3 responses of at most 2 tokens" in failures["reward-to-go"].finding


def test_mistakes_on_tokens():
    def to_go(score):
        return score.flip(-1).cumsum(-1).flip(-1)

    def right(per_token_logps, ref_per_token_logps, completion_mask, rewards, tau):
        return credited(per_token_logps, ref_per_token_logps, completion_mask, rewards, tau, to_go)

    def whole(per_token_logps, ref_per_token_logps, completion_mask, rewards, tau):
        """The sum over the response credited to every token: unbiased too, only noisier."""
        return credited(
            per_token_logps,
            ref_per_token_logps,
            completion_mask,
            rewards,
            tau,
            lambda s: s.sum(-1, keepdim=True),
        )

    def unmasked(per_token_logps, ref_per_token_logps, rewards, tau):
        mask = torch.ones_like(per_token_logps, dtype=torch.bool)
        return credited(per_token_logps, ref_per_token_logps, mask, rewards, tau, to_go)

    def mean_over_tokens(per_token_logps, ref_per_token_logps, completion_mask, rewards, tau):
        length = completion_mask.sum(-1)
        terms = credited(
            per_token_logps / length[:, None], ref_per_token_logps, completion_mask, rewards, tau, to_go
        )
        return terms

    def pushed_away(per_token_logps, ref_per_token_logps, completion_mask, rewards, tau):
        return credited(per_token_logps, ref_per_token_logps, completion_mask, rewards, -tau, to_go)

    def half_the_pull(per_token_logps, ref_per_token_logps, completion_mask, rewards, tau):
        return credited(per_token_logps, ref_per_token_logps, completion_mask, rewards, 0.9 * tau, to_go)

    check_loss(right, "policy-gradient")
    check_loss(whole, "policy-gradient")
    assert "padding" in found(unmasked, "policy-gradient")
    assert "expected gradient" in found(mean_over_tokens, "policy-gradient")
    assert "reward-to-go" in found(pushed_away, "policy-gradient")
    assert set(found(half_the_pull, "policy-gradient")) == {"expected gradient"}


class OnTokens(torch.nn.Module):
    """DPO of every token's log-ratio to the reference, after the end or not."""

    def __init__(self, masked):
        super().__init__()
        self.masked = masked

    def forward(
        self, policy_chosen_token_logps, policy_rejected_token_logps, reference_chosen_token_logps,
        reference_rejected_token_logps, chosen_mask, rejected_mask, beta,
    ):  # fmt: skip
        chosen = policy_chosen_token_logps - reference_chosen_token_logps
        rejected = policy_rejected_token_logps - reference_rejected_token_logps
        if self.masked:
            chosen, rejected = chosen * chosen_mask, rejected * rejected_mask
        return -logsigmoid(beta * (chosen.sum(-1) - rejected.sum(-1))).mean()


def test_padding_does_not_cancel_against_the_references():
    check_loss(OnTokens(masked=True), "dpo")
    with pytest.raises(LossCheckError, match="padding is broken: .* after the end"):
        check_loss(OnTokens(masked=False), "dpo")


def test_labels_of_kto_exchanged():
    def exchanged(logps, reference_logps, desirable, beta, z0):
        return kto_loss(logps, reference_logps, ~desirable, beta, z0=z0)

    assert {"label convention", "expected gradient"} <= set(found(exchanged, "kto"))


def log_probs(model, ids, attention, labels):
    logits = model(input_ids=ids, attention_mask=attention).logits[:, :-1].log_softmax(-1)
    after = labels[:, 1:]
    chosen = logits.gather(-1, after.clamp_min(0)[..., None])[..., 0]
    return (chosen * (after != -100)).sum(-1)


def on_model(read_reference, read=log_probs):
    def loss(
        model, chosen_input_ids, chosen_attention_mask, chosen_labels,
        rejected_input_ids, rejected_attention_mask, rejected_labels, beta,
    ):  # fmt: skip
        both = (
            (chosen_input_ids, chosen_attention_mask, chosen_labels),
            (rejected_input_ids, rejected_attention_mask, rejected_labels),
        )
        current = [read(model, *one) for one in both]
        return dpo(*current, *read_reference(model, both), beta)

    return loss


@torch.no_grad()
def adapters_off(model, both):
    with model.disable_adapter():
        return [log_probs(model, *one) for one in both]


@torch.no_grad()
def adapters_left_on(model, both):
    return [log_probs(model, *one) for one in both]


@torch.no_grad()
def never_on_again(model, both):
    model.base_model.disable_adapter_layers()
    return [log_probs(model, *one) for one in both]


def summed_over_padding(model, ids, attention, labels):
    return log_probs(model, ids, attention, torch.where(labels == -100, labels, ids) * 0 + ids)


def test_losses_that_read_models():
    check_loss(on_model(adapters_off), "dpo")
    left_on = found(on_model(adapters_left_on), "dpo")
    assert "with the adapters on" in left_on["reference under adapters"].finding
    assert "gradient on a model" in left_on
    assert "another state" in found(on_model(never_on_again), "dpo")["reference under adapters"].finding
    padded = found(on_model(adapters_off, summed_over_padding), "dpo")
    assert {"padding of a model's input", "gradient on a model"} <= set(padded)


def test_a_frozen_model_beside_it():
    def loss(model, ref_model, input_ids, attention_mask, labels, payoff, tau):
        with torch.no_grad():
            mu = log_probs(ref_model, input_ids, attention_mask, labels)
        current = log_probs(model, input_ids, attention_mask, labels)
        return -((payoff - 0.5 - tau * (current - mu)).detach() * current).mean()

    check_loss(loss, "policy-gradient")


def test_known_failures_and_lines_to_run_again():
    def double(chosen_logps, rejected_logps, ref_chosen_logps, ref_rejected_logps, beta):
        return 2 * dpo(chosen_logps, rejected_logps, ref_chosen_logps, ref_rejected_logps, 2 * beta)

    report = check_loss(double, "dpo", known={"minimiser": "beta means 2 beta here"})
    assert report.known and "beta means" in repr(report)
    with pytest.raises(LossCheckError, match="take it out of known"):
        check_loss(mistaken(dpo), "dpo", known={"minimiser": "it does not fail"})
    failure = found(double, "dpo")["minimiser"]
    exec(failure.reproduce, {"double": double})


def test_what_cannot_be_checked_is_refused():
    with pytest.raises(NashsimError, match="'advantages'.*policy_"):
        check_loss(lambda logps, advantages: logps.mean(), "policy-gradient")
    with pytest.raises(NashsimError, match="unknown claim 'grpo'"):
        check_loss(mistaken(dpo), "grpo")
    with pytest.raises(NashsimError, match="pairs"):
        check_loss(lambda logps: logps.mean(), "dpo")
    with pytest.raises(NashsimError, match="single"):
        check_loss(mistaken(dpo), "policy-gradient")
    with pytest.raises(NashsimError, match="asks 2 times"):
        check_loss(mistaken(dpo), EGPO)
    with pytest.raises(NashsimError, match="tau: a finite number"):
        check_loss(mistaken(dpo), "ipo", tau=0.0)
    check_loss(lambda logps, ref_logps, rewards, scale, tau: _scaled(logps, ref_logps, rewards, scale, tau),
               "policy-gradient", scale=3.0)  # fmt: skip


def _scaled(logps, ref_logps, rewards, scale, tau):
    return -scale * ((rewards - tau * (logps - ref_logps)).detach() * logps).mean()
