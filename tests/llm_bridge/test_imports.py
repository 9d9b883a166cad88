"""``llm_bridge`` imports, and trains nothing yet, on a machine that has only torch, transformers and numpy."""

import subprocess
import sys

BLOCKED = ("cvxpy", "numba", "matplotlib", "peft")

SCRIPT = """
import sys

class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Block())
import llm_bridge, llm_bridge.judges, llm_bridge.tasks, llm_bridge.trainer
from llm_bridge.tasks import EnumerableTask
assert len(EnumerableTask(vocabulary=4, length=2, prompts=((1,),)).log_probs(
    EnumerableTask(vocabulary=4, length=2, prompts=((1,),)).build_model())) == 1
try:
    import {first}
except ModuleNotFoundError:
    print("blocked")
"""


def test_import_and_log_probs_need_none_of_the_heavy_packages():
    script = SCRIPT.format(blocked=set(BLOCKED), first=BLOCKED[0])
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "blocked"  # the block itself works
