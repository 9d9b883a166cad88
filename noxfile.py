"""The targets of the Makefile where there is no make, as on Windows: ``pip install nox``, then ``nox -s test``."""

import re
import shlex
from pathlib import Path

import nox

HERE = Path(__file__).parent
MAKEFILE = (HERE / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")
nox.options.sessions = ["test-fast"]
nox.options.reuse_existing_virtualenvs = True


def add(target: str, extra: str) -> None:
    """Add a session that runs the commands of a target, which stand in the Makefile alone."""
    lines = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", MAKEFILE, flags=re.MULTILINE)[1]
    fast = re.search(r"^FAST := (.*)$", MAKEFILE, flags=re.MULTILINE)[1]

    def run(session: nox.Session) -> None:
        # The constraints hold for the build environment too.
        pins = {"PIP_CONSTRAINT": str(HERE / ".ci" / "constraints.txt")}
        session.install("--editable", f".[{extra}]", env=pins)
        for line in lines.splitlines():
            plain = line.replace("$(BIN)/", "").replace("$(WORKERS)", "2").replace("$(FAST)", fast)
            session.run(*shlex.split(plain), *session.posargs)

    told = re.search(rf'@echo "make {target} +(.*)"', MAKEFILE)[1]
    run.__doc__ = told.replace("$(WORKERS)", "2").replace(" (WORKERS=N)", "")
    nox.session(run, name=target)


EXTRAS = {
    "test": "test",
    "test-fast": "test",
    "test-slow": "test",
    "lint": "dev",
    "docs": "docs",
    "reproduce": "figures",
}
for name, needs in EXTRAS.items():
    add(name, needs)
