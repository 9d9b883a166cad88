"""Let a learner play in a process of its own and print the most memory it ever held, in MiB."""

import json
import sys
from pathlib import Path

from nashsim import games
from nashsim.online import play_learner


def peak() -> float:
    """Return the most resident memory of this process so far, in MiB."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage's number is inherited from the process that started this one
        [line] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) / 2**10
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


if __name__ == "__main__":
    source, learner, rounds, seeds = sys.argv[1:]
    play_learner(games.get(source).replace(tau=0.1), learner, rounds=int(rounds), seeds=int(seeds))
    print(json.dumps({"mib": peak()}))
