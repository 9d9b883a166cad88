"""The mirror steps of nashsim on language models, checked against exact equilibria."""
