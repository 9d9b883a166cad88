"""Commands called as a user calls them, and what they print."""

import json

from nashsim.cli import call


def nashsim(capsys, *arguments, fails=False):
    """Return stdout (parsed where it is JSON), or the error line with ``fails``."""
    status = call([str(a) for a in arguments])
    out, err = capsys.readouterr()
    assert status == (2 if fails else 0), err
    if fails:
        assert out == "" and err.startswith("nashsim: ") and err.count("\n") == 1
        return err
    return json.loads(out) if "--json" in arguments else out


def spoken(capsys, *arguments):
    assert call(arguments) == 0
    return json.loads(capsys.readouterr().out)
