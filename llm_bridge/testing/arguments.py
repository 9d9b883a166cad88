"""What a loss is given, by the names of its parameters: those of TRL and of the papers."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch

from nashsim.errors import NashsimError
from nashsim.rules import POLICY, REFERENCE


class LogProbs(NamedTuple):
    """An argument of log-probabilities.

    Attributes
    ----------
    who : str
        ``"current"``, the policy that trains, ``"policy"``, pi_t as it was when the step began, or another name.
    role : str
        ``"chosen"``, ``"rejected"``, or ``""`` of single responses.
    tokens : bool
        Whether it holds every token's, shape (rows, T), and not sums, shape (rows,).
    """

    who: str
    role: str
    tokens: bool


_WHO = {
    "current": ("policy_", "current_", ""),
    REFERENCE: ("reference_", "ref_"),
    POLICY: ("previous_", "old_"),
    "half": ("half_",),
}
_ROLES = {"chosen": ("chosen_", "winner_"), "rejected": ("rejected_", "loser_"), "": ("",)}
_LEVELS = {
    False: ("logps", "log_probs", "logprobs"),
    True: ("token_logps", "per_token_logps", "token_log_probs", "token_logprobs"),
}
_PAPERS = {"log_pi": "current", "log_mu": REFERENCE, "log_ref": REFERENCE, "log_pi_t": POLICY}
_MASKS, _PAYOFFS = ("mask", "completion_mask", "response_mask"), ("payoff", "payoffs", "win_rate", "rewards")


def _every_name() -> dict[str, Any]:
    names: dict[str, Any] = {
        before + role_name + level: LogProbs(who, role, tokens)
        for tokens, levels in _LEVELS.items()
        for level in levels
        for role, role_names in _ROLES.items()
        for role_name in role_names
        for who, befores in _WHO.items()
        for before in befores
    }
    names |= {
        name + after: LogProbs(who, role, False)
        for role, after in (("chosen", "_w"), ("rejected", "_l"), ("", ""))
        for name, who in _PAPERS.items()
    }
    for role, role_names in _ROLES.items():
        names |= {before + mask: ("mask", role) for before in role_names for mask in _MASKS}
        names |= {before + payoff: ("payoff", role) for before in role_names for payoff in _PAYOFFS}
        names |= {before + word: (word, role) for before in role_names for word in _OF_MODELS}
    names |= {"desirable": ("desirable", ""), "kl": ("kl", ""), "z0": ("kl", "")}
    names |= {"policy_KL_logps": ("kl logps", "current"), "KL_logps": ("kl logps", "current")}
    names |= {"reference_KL_logps": ("kl logps", REFERENCE), "ref_KL_logps": ("kl logps", REFERENCE)}
    names |= {"model": ("model", ""), "prompt_length": ("prompt_length", "")}
    return names | {"ref_model": ("ref_model", ""), "reference_model": ("ref_model", "")}


_OF_MODELS = ("input_ids", "attention_mask", "labels")
#: Every name that is known, and what it stands for.
NAMES = _every_name()
#: In words, for an error.
ACCEPTED = (
    "[policy_|reference_|ref_|previous_|old_|half_][chosen_|rejected_|winner_|loser_](logps|log_probs|token_logps|"
    "per_token_logps), (log_pi|log_mu|log_ref|log_pi_t)[_w|_l], [chosen_|rejected_](mask|payoff|input_ids|"
    "attention_mask|labels), desirable, kl, z0, [policy_|reference_]KL_logps, model, ref_model, prompt_length"
)


def wanted(loss: Callable, constants: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a loss that are given by name, and what each stands for.

    Parameters
    ----------
    loss : callable
    constants : mapping of str to object
        Further arguments by name, beta and tau among them.

    Raises
    ------
    NashsimError
        For a parameter without default that is not known.
    """
    try:
        called = loss.forward if isinstance(loss, torch.nn.Module) else loss
        parameters = inspect.signature(called).parameters.values()
    except (TypeError, ValueError) as error:
        raise NashsimError(f"loss: a callable with named parameters is needed ({error})") from None
    found = {}
    for parameter in parameters:
        name = parameter.name
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        if name in constants:
            found[name] = ("constant", name)
        elif name in NAMES:
            found[name] = NAMES[name]
        elif parameter.default is parameter.empty:
            raise NashsimError(
                f"loss: nothing is known to pass as {name!r}; known are {ACCEPTED}, {', '.join(constants)}, and what"
                f" check_loss is given by name, as {name}=..."
            )
    return found


def value_of(result) -> torch.Tensor:
    """Return the losses of what a loss returned: a tensor, the first of a tuple, or a mapping's "loss".

    Parameters
    ----------
    result : Tensor, tuple or mapping
    """
    if isinstance(result, Mapping):
        result = result["loss"]
    if isinstance(result, tuple | list):
        result = result[0]
    if not isinstance(result, torch.Tensor):
        raise NashsimError(f"loss: a tensor is needed, found {type(result).__name__}")
    return result
