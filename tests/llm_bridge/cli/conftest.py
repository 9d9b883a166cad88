"""Commands here measure nothing to choose their threads."""

import pytest


@pytest.fixture(autouse=True)
def threads_as_they_are(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
