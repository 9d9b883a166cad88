"""check_sampler passes the token-level mixture and sees a cache that both models share."""

import pytest
import torch

from llm_bridge.testing import LossCheckError, check_sampler
from nashsim import NashsimError


def sampler(shared=False, exchanged=False, arithmetic=False):
    def draw(model, reference, input_ids, weight, max_new_tokens):
        from transformers import DynamicCache

        mine = DynamicCache()
        other = mine if shared else DynamicCache()
        weight = 1 - weight if exchanged else weight
        ids, tokens, ended = input_ids, [], torch.zeros(len(input_ids), dtype=torch.bool)
        for _ in range(max_new_tokens):
            log_pi, log_mu = (
                made(input_ids=ids, past_key_values=cache, use_cache=True).logits[:, -1].log_softmax(-1)
                for made, cache in ((model, mine), (reference, other))
            )
            if arithmetic:
                mixed = (1 - weight) * log_pi.exp() + weight * log_mu.exp()
            else:
                mixed = ((1 - weight) * log_pi + weight * log_mu).softmax(-1)
            token = torch.where(ended, 0, mixed.multinomial(1)[:, 0])
            ended |= token == 0
            tokens.append(token)
            ids = token[:, None]
        return torch.stack(tokens, 1)

    return draw


def test_mixtures():
    report = check_sampler(sampler(), 0.3)
    assert report.held == ("shape and end", "distribution")
    for fault in ("shared", "exchanged", "arithmetic"):
        with pytest.raises(LossCheckError, match="distribution is broken.*are due"):
            check_sampler(sampler(**{fault: True}), 0.2 if fault == "exchanged" else 0.5)


def test_shapes_and_wrong_input():
    with pytest.raises(LossCheckError, match="tokens after the prompt"):
        check_sampler(lambda model, reference, ids, weight, most: ids.repeat(1, 2))
    with pytest.raises(NashsimError, match="weight"):
        check_sampler(sampler(), 1.5)
    with pytest.raises(NashsimError, match="draws"):
        check_sampler(sampler(), draws=10)
