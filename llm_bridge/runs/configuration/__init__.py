"""The typed configuration of a run, and what its keys mean."""
