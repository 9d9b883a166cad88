"""Small tables that the tests of this room share, and strategies that draw them."""

import numpy as np
from hypothesis import strategies as st

#: rock > paper > scissors > rock with different margins; every value is exact in binary and in decimals.
CYCLE = np.array([[0.5, 0.625, 0.25], [0.375, 0.5, 0.875], [0.75, 0.125, 0.5]])
LABELS = ("a", "b", "c")


def write(folder, name, content):
    """Write text (or bytes) and return the path."""
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def random_matrix(rng, n, missing=0.0):
    """P with P + P^T = 1 in steps of 1/64, ties included, NaN on a share of the pairs."""
    upper = np.triu(rng.integers(0, 65, (n, n)) / 64, 1)
    p = upper + np.tril(1 - upper.T, -1) + 0.5 * np.eye(n)
    gone = np.triu(rng.random((n, n)) < missing, 1)
    p[gone | gone.T] = np.nan
    return p


@st.composite
def matrices(draw, most=6, missing=False):
    """P in steps of 1/64, n from 1 to ``most``, perhaps with missing pairs."""
    n = draw(st.integers(1, most))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return random_matrix(rng, n, draw(st.sampled_from([0.0, 0.3])) if missing else 0.0)


def labels(n):
    """Distinct labels that a careless reader would stumble over: blanks, commas, quotes, digits, umlauts."""
    text = st.text('ab é,;"1_.', min_size=1, max_size=6).map(lambda s: "L" + s.strip())
    return st.lists(text, min_size=n, max_size=n, unique=True)
