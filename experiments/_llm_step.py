"""One Nash-MD policy-gradient step of a random Llama: its geometry, its arithmetic, and the step phase by phase."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch

from llm_bridge.algorithms.fits.policy_gradient import policy_gradient_loss
from llm_bridge.decoding.eager import sample
from llm_bridge.decoding.roles import mixture, pure
from llm_bridge.judges import ClassGameJudge, Comparison
from llm_bridge.policy import CausalPolicy
from nashsim.rules import REFERENCE, NashMDPG

TAU, COEFFICIENT, RATE = 0.1, 0.125, 1e-4
PHASES = ("generation", "judging", "log-probs", "backward", "optimiser")
#: The classes of a response beat each other in a circle; its first token says which one it is of.
CYCLE = np.array([[0.5, 0.8, 0.2], [0.2, 0.5, 0.8], [0.8, 0.2, 0.5]])


@dataclass(frozen=True)
class Geometry:
    """A Llama of random weights and the batch of its step."""

    width: int
    inner: int
    layers: int
    heads: int
    key_heads: int
    vocabulary: int
    batch: int = 8
    prompt: int = 16
    length: int = 48
    dtype: str = "float32"
    lora: int | None = None

    def config(self):
        """The model's configuration."""
        from transformers import LlamaConfig

        return LlamaConfig(
            vocab_size=self.vocabulary, hidden_size=self.width, intermediate_size=self.inner,
            num_hidden_layers=self.layers, num_attention_heads=self.heads,
            num_key_value_heads=self.key_heads, max_position_embeddings=self.prompt + self.length + 16,
            eos_token_id=0, pad_token_id=1, tie_word_embeddings=False,
        )  # fmt: skip

    def body(self) -> int:
        """Weights that every token meets in a matrix product, the head left out."""
        head = self.width // self.heads
        attention = self.width * head * (2 * self.heads + 2 * self.key_heads)
        return self.layers * (attention + 3 * self.width * self.inner)

    def forward(self, tokens: float, headed: float) -> float:
        """Multiplications and additions of a forward pass of one row: ``headed`` of its tokens meet the head."""
        attention = self.layers * 2 * 2 * self.width * tokens * tokens / 2
        return 2 * self.body() * tokens + 2 * self.width * self.vocabulary * headed + attention

    def flops(self) -> dict[str, float]:
        """What each phase of the step must compute at least, forward 1 and backward 2 of a pass."""
        whole = self.prompt + self.length
        row = self.forward(whole, self.length)
        # Adapters alone are trained: no gradients of the base's weights.
        back = row if self.lora else 2 * row
        return {
            "generation": 3 * self.batch * row,
            "log-probs": 2 * self.batch * row,
            "backward": self.batch * back,
        }

    def decode_bytes(self) -> float:
        """Bytes that decoding must read: each model's weights a token, and the keys and values so far."""
        size = torch.finfo(getattr(torch, self.dtype)).bits // 8
        weights = (self.body() + self.width * self.vocabulary) * size
        cached = 2 * self.layers * self.key_heads * (self.width // self.heads) * size
        middle = self.prompt + self.length / 2
        return self.length * (2 * weights + 3 * self.batch * cached * middle)


def judge() -> ClassGameJudge:
    """Return a judge that costs next to nothing."""
    return ClassGameJudge(CYCLE, lambda prompt, response: response[0] % 3)


class Step:
    """Our step, phase by phase: sample y and y', judge, log-probabilities, backward, optimiser."""

    def __init__(self, model, geometry: Geometry, engine=sample):
        # No token ends a response.
        self.policy = CausalPolicy(model, eos=-1, pad=1)
        self.geometry, self.engine, self.count = geometry, engine, 0
        self.optimiser = torch.optim.AdamW(self.policy.parameters(), lr=RATE)
        [self.step] = NashMDPG(mixture=COEFFICIENT).steps(TAU, 0)
        row = tuple(2 + (7 * i) % (geometry.vocabulary - 2) for i in range(geometry.prompt))
        self.prompts = [row] * geometry.batch
        self.judge = judge()

    def __call__(self) -> dict[str, float]:
        """Do one step and return the seconds of every phase."""
        taken, self._since = {}, time.perf_counter()
        roles = {"y": pure(seed=self.count), "opponent": mixture(COEFFICIENT, seed=self.count)}
        drawn = self.engine(self.policy, self.prompts, roles, self.geometry.length)
        self.count += 1
        taken["generation"] = self._lap()
        y, opponent = (drawn[name].sequences for name in ("y", "opponent"))
        asked = [
            Comparison(x, a, b)
            for x, a, b in zip(self.prompts, y.responses(), opponent.responses(), strict=True)
        ]
        payoff = torch.as_tensor(self.judge(asked), device=self.policy.device)
        taken["judging"] = self._lap()
        current = self.policy.token_log_probs(y)
        past = {REFERENCE: self.policy.token_log_probs(y, REFERENCE)}
        loss = policy_gradient_loss(self.step, current, past, y.response_mask, payoff)
        taken["log-probs"] = self._lap()
        loss.backward()
        taken["backward"] = self._lap()
        torch.nn.utils.clip_grad_norm_(self.policy.parameters(), 1.0)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        taken["optimiser"] = self._lap()
        return taken

    def _lap(self) -> float:
        if self.policy.device.type == "cuda":
            torch.cuda.synchronize()
        now = time.perf_counter()
        taken, self._since = now - self._since, now
        return taken


def build(geometry: Geometry, device: str):
    """Return the model, with adapters where the geometry asks for them."""
    from transformers import LlamaForCausalLM

    torch.manual_seed(0)
    # Billions of random weights are drawn faster where they stay.
    with torch.device(device):
        model = LlamaForCausalLM(geometry.config()).to(getattr(torch, geometry.dtype))
    if geometry.lora:
        from peft import LoraConfig, get_peft_model

        targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
        model = get_peft_model(model, LoraConfig(r=geometry.lora, target_modules=targets))
    return model
