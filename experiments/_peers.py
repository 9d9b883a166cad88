"""The same iterations under NumPy, JAX and OpenSpiel; a peer that is not installed says so."""

from __future__ import annotations

import os
from importlib.util import find_spec

import numpy as np


def missing(*packages: str) -> str | None:
    """Return what to install if one of the packages is absent, else None."""
    absent = [name for name in packages if find_spec(name) is None]
    return f"{', '.join(absent)} not installed (pip install 'nashsim[bench]')" if absent else None


def log_normalise(logits: np.ndarray) -> np.ndarray:
    """Return logits minus log sum exp, over the last axis."""
    logits = logits - logits.max(axis=-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


class NumpyLoop:
    """The loop that one writes in NumPy, on one game or on games side by side.

    Parameters
    ----------
    skew, log_reference, log_policy, rho, eta, calls
        As for the C.
    """

    def __init__(self, skew, log_reference, log_policy, rho, eta, calls):
        self.skew, self.log_reference, self.log_policy = skew, log_reference, log_policy
        self.rho, self.eta, self.calls = rho, eta, calls
        self.total = np.zeros_like(log_policy)

    def advance(self, steps: int) -> None:
        """Do ``steps`` iterations."""
        magnet = (1 - self.rho) * self.log_reference
        for _ in range(steps):
            base = self.rho * self.log_policy + magnet
            asked = np.exp(self.log_policy)
            if self.calls == 2:
                asked = np.exp(log_normalise(base + self.eta * self._payoff(asked)))
            self.total += asked
            self.log_policy = log_normalise(base + self.eta * self._payoff(asked))

    def _payoff(self, policy):
        return self.skew @ policy if policy.ndim == 1 else (self.skew @ policy[:, :, None])[:, :, 0]


class JaxScan:
    """``jax.lax.scan`` in float64, compiled; ``vmap`` over games. State and arguments as for ``NumpyLoop``."""

    def __init__(self, skew, log_reference, log_policy, rho, eta, calls):
        os.environ.setdefault(
            "XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        )
        os.environ.setdefault("JAX_PLATFORMS", "cpu")
        import jax
        import jax.numpy as jnp

        jax.config.update("jax_enable_x64", True)

        def ask(a, base, policy):
            return jax.nn.log_softmax(base + eta * (a @ policy))

        def iterate(a, magnet, log_policy, total, steps):
            def step(state, _):
                log_pi, mean = state
                base = rho * log_pi + magnet
                asked = jnp.exp(log_pi)
                if calls == 2:
                    asked = jnp.exp(ask(a, base, asked))
                return (ask(a, base, asked), mean + asked), None

            return jax.lax.scan(step, (log_policy, total), None, length=steps)[0]

        def many(a, magnet, log_policy, total, steps):
            if a.ndim == 2:
                return iterate(a, magnet, log_policy, total, steps)
            return jax.vmap(lambda *game: iterate(*game, steps))(a, magnet, log_policy, total)

        self._run = jax.jit(many, static_argnums=4)
        self._game = (jnp.asarray(skew), jnp.asarray((1 - rho) * log_reference))
        self.log_policy, self.total = jnp.asarray(log_policy), jnp.zeros_like(log_policy)

    def advance(self, steps: int) -> None:
        """Do ``steps`` iterations; each number of steps compiles once."""
        state = self._run(*self._game, self.log_policy, self.total, steps)
        self.log_policy, self.total = (array.block_until_ready() for array in state)


class OpenSpielMMD:
    """``MMDDilatedEnt`` of OpenSpiel on the matrix game A, both players from uniform, magnet uniform.

    Its step e is the proximal weight, forward eta = e/(1 + e tau). One update steps BOTH players and averages their
    sequences; the two hold the same policy, since A = -A^T.

    Parameters
    ----------
    skew : ndarray, shape (actions, actions)
    tau, eta : float
    """

    def __init__(self, skew, tau, eta):
        import pyspiel
        from open_spiel.python.algorithms.mmd_dilated import MMDDilatedEnt

        names = [f"{i:04d}" for i in range(len(skew))]
        game = pyspiel.create_matrix_game("skew", "skew", names, names, skew, -skew)
        turns = pyspiel.convert_to_turn_based(game)
        self._solver = MMDDilatedEnt(turns, alpha=tau, stepsize=eta / (1 - eta * tau))

    @property
    def log_policy(self) -> np.ndarray:
        """The first player's policy; its sequence form begins with the empty sequence."""
        return np.log(self._solver.current_sequences()[0][1:])

    def advance(self, steps: int) -> None:
        """Do ``steps`` updates, each a step of both players."""
        for _ in range(steps):
            self._solver.update_sequences()
