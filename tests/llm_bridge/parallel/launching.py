"""Several processes on one machine without a GPU, as ``accelerate launch`` starts them."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

#: ``--cpu`` would start one process, whatever the number asked for.
WORDS = (
    "--num_machines",
    "1",
    "--mixed_precision",
    "no",
    "--dynamo_backend",
    "no",
    "--main_process_port",
    "0",
)


def launched(*command, processes=2, how="--multi_gpu", options=()):
    """Run a Python command line in so many processes; return what subprocess says of them."""
    launch = ["-m", "accelerate.commands.launch", how, *options, "--num_processes", str(processes), *WORDS]
    words = [sys.executable, *(launch if processes > 1 else []), *map(str, command)]
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": paths}
    return subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
