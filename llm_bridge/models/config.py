"""What a configuration says of the model, and the values of it that do not fit together."""

from __future__ import annotations

from dataclasses import dataclass, field

from nashsim.errors import NashsimError

from .adapters import ALL_LINEAR

#: Types of weights by their names in torch.
DTYPES = ("float32", "bfloat16", "float16", "float64")


@dataclass(frozen=True)
class Lora:
    """Low-rank adapters; ``rank`` 0 trains all weights, ``alpha`` None is twice the rank.

    ``targets`` names the layers that get one; ``all-linear`` is every linear layer but the output's.
    """

    rank: int = 0
    alpha: float | None = None
    dropout: float = 0.0
    targets: tuple[str, ...] = (ALL_LINEAR,)


@dataclass(frozen=True)
class ModelConfig:
    """The model, by folder or hub name (None: the task's own); ``eos`` names more tokens that end a response."""

    name: str | None = None
    dtype: str = "float32"
    lora: Lora = field(default_factory=Lora)
    quantise: str | None = None
    pad: str | None = None
    eos: tuple[str, ...] = ()
    padding: str | None = None
    temperature: float = 1.0
    gradient_checkpointing: bool = False


def check_model(config) -> None:
    """Raise NashsimError where values of the model do not fit together, or with how it is sampled.

    Parameters
    ----------
    config : Config
        Whole configuration.
    """
    model, lora = config.model, config.model.lora
    if lora.rank and config.sampling.engine == "compiled":
        raise NashsimError(
            "sampling.engine: compiled decoding cannot switch adapters off for the reference; leave it eager with"
            " model.lora"
        )
    if lora.dropout:
        raise NashsimError(
            f"model.lora.dropout: 0 is needed, found {lora.dropout:g}: losses compare log-probabilities of policies,"
            " and under dropout two passes of one policy would differ; a smaller rank or lr regularises too"
        )
    if model.quantise is not None and not (lora.rank and model.name):
        raise NashsimError(
            "model.quantise: quantised weights do not train; it needs model.name and adapters (model.lora.rank)"
        )
    if model.dtype == "float16" and not lora.rank:
        raise NashsimError(
            "model.dtype: float16 does not train all weights (activations above 65504 are infinite, gradients below"
            " 6e-8 are 0, and the loss ends in NaN); take bfloat16, or adapters on the model (model.lora.rank)"
        )
