"""Records of a training as a tidy table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def tidy_records(records: Iterable[Mapping]):
    """Return records as a DataFrame of step, queries, metric, value; what a record lacks has no row.

    Parameters
    ----------
    records : iterable of mapping
    """
    import pandas as pd

    wide = pd.DataFrame(list(records)).melt(["step", "queries"], var_name="metric", value_name="value")
    return wide.dropna(subset="value").reset_index(drop=True)
