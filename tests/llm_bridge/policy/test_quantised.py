"""Adapters on a quantised base, on the CPU where bitsandbytes is installed."""

import json

import pytest
import torch

from llm_bridge.cli import call
from llm_bridge.models.tiny import save_tiny
from llm_bridge.policy.sequences import Sequences
from llm_bridge.runs.configuration.config import load_config
from nashsim.errors import NashsimError

torch.set_num_threads(1)
ROWS = Sequences.of([(5, 6, 7), (8,)], [(9, 10, 0), (11, 12, 13, 0)], 1)


@pytest.fixture
def own(tmp_path):
    """A model on disk, and the configuration that quantises it."""
    save_tiny(tmp_path / "model", width=64, context=64)
    rows = [{"prompt": f"Say {word}."} for word in ("one", "two", "three")]
    (tmp_path / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "own.yaml").write_text(
        f"""
model: {{name: {tmp_path}/model, quantise: 4bit, lora: {{rank: 2}}}}
data: {{prompts: {tmp_path}/prompts.jsonl}}
judge: {{kind: length, scale: 0.5}}
algorithm: {{name: inpo, tau: 0.05, parameters: {{eta_inverse: 0.2}}}}
training: {{iterations: 2, fit_steps: 2, lr: 1e-2}}
sampling: {{length: 6}}
evaluation: {{prompts: 2, samples: 2}}
output: {{folder: {tmp_path}/run}}
"""
    )
    return tmp_path / "own.yaml"


def gradients(policy):
    policy.model.zero_grad()
    log_probs = policy.sequence_log_probs(ROWS)
    (log_probs * torch.tensor([1.0, -2.0])).sum().backward()
    return log_probs.detach(), {name: p.grad.clone() for name, p in policy._live().items()}


def _stood_for(model):
    """Dequantised weights of every layer, read before a forward pass packs them for the processor's kernels."""
    import bitsandbytes

    found = {}
    for name, layer in model.named_modules():
        if isinstance(layer, bitsandbytes.nn.Linear4bit):
            state = layer.weight.quant_state
            assert state.quant_type == "nf4" and state.nested  # its constants are quantised too
            found[name] = bitsandbytes.functional.dequantize_4bit(layer.weight.data, state).float()
        elif isinstance(layer, bitsandbytes.nn.Linear8bitLt):
            found[name] = layer.weight.data.float() * layer.weight.SCB[:, None] / 127
    return found


@pytest.mark.parametrize("bits", ["4bit", "8bit"])
@pytest.mark.filterwarnings("ignore")
def test_gradients_are_those_of_the_numbers_that_the_bits_stand_for(own, bits):
    """Beside a policy in full precision whose weights are the dequantised ones: log-probabilities and gradients."""
    pytest.importorskip("bitsandbytes")
    from llm_bridge.runs.building.assembly import assemble
    from llm_bridge.runs.building.models import load_causal

    config = load_config(own, ["--model.quantise", bits])
    numbers = _stood_for(load_causal(config))
    policy, plain = assemble(config).policy, assemble(load_config(own, ["--model.quantise", "null"])).policy
    weights, changed = dict(plain.model.get_base_model().named_modules()), 0.0
    for name, found in numbers.items():
        layer = getattr(weights[name], "base_layer", weights[name])
        changed = max(changed, float((layer.weight - found).abs().max()))
        layer.weight.data = found
    assert changed > 1e-4
    generator = torch.Generator().manual_seed(1)
    moved = {k: w + 0.1 * torch.randn(w.shape, generator=generator) for k, w in plain.weights().items()}
    plain.load_weights(moved)
    policy.load_weights(moved)
    (said, slopes), (wanted, exact) = gradients(policy), gradients(plain)
    # 4 bits are exactly these numbers; 8 bits round what enters a layer too, to 1/127 of its largest number.
    share, steep = (1e-6, 1e-5) if bits == "4bit" else (1e-2, 0.2)
    assert float((said - wanted).abs().max()) < share * float(wanted.abs().max())
    for name, slope in slopes.items():
        assert float((slope - exact[name]).norm()) < steep * float(exact[name].norm()), name
    assert float((policy.sequence_log_probs(ROWS, "reference") - said).abs().min()) > 1e-3


@pytest.mark.filterwarnings("ignore")
def test_a_quantised_run_trains_its_adapters(capsys, own):
    pytest.importorskip("bitsandbytes")
    assert call(["train", str(own), "--quiet", "--json"]) == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last["step"] == 2 and last["kl"] != 0
    kept = {p.name for p in (own.parent / "run" / "final").iterdir()}
    assert "adapter_model.safetensors" in kept and "model.safetensors" not in kept


def test_what_quantisation_needs_is_said_in_one_line(own, monkeypatch):
    from llm_bridge.runs.building.models import load_causal

    for source, words in (
        (own, ["--model.lora.rank", "0"]),
        ("enumerable-inpo", ["--model.quantise", "4bit"]),
    ):
        with pytest.raises(NashsimError, match="quantised weights do not train") as caught:
            load_config(source, words)
        assert "\n" not in str(caught.value)
    monkeypatch.setitem(__import__("sys").modules, "bitsandbytes", None)
    with pytest.raises(NashsimError, match="pip install bitsandbytes"):
        load_causal(load_config(own))
