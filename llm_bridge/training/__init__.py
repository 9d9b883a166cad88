"""The training loop: rollout, batch, loss, optimiser step, state."""
