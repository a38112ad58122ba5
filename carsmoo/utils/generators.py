"""State of a NumPy generator as plain data: where its numbers are, and how many generators it has spawned."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from carsmoo.utils.trees import Tree


def described(generator: np.random.Generator) -> Tree:
    """Return a generator's state, and its entropy with how many it has spawned; None for the latter if none."""
    state = json.loads(json.dumps(generator.bit_generator.state, default=np.ndarray.tolist))
    return {"generator": state, "spawned": _spawned(generator)}


def resumed(fresh: Any, state: Any, spawned: Any, where: str) -> np.random.Generator:
    """Return a generator that goes on as the :func:`described` one: ``fresh`` itself, if it is a generator.

    Raises:
        ValueError: naming ``where`` it stands, if it is of another kind, or is to spawn and has another seed.
    """
    made = fresh if isinstance(fresh, np.random.Generator) else np.random.default_rng(0)
    if made.bit_generator.state["bit_generator"] != state["bit_generator"]:
        raise ValueError(f"{where}: expected a {state['bit_generator']} generator, got another one")
    made.bit_generator.state = state
    if spawned is not None:
        entropy, before = _entropy(made), (_spawned(made) or [None, 0])[1]
        if entropy != spawned[0] or before > spawned[1]:
            raise ValueError(f"{where}: expected a generator of seed {spawned[0]}, got one of {entropy}")
        made.spawn(spawned[1] - before)
    return made


def _spawned(generator: np.random.Generator) -> list[Any] | None:
    """Return a generator's entropy and how many it has spawned; None if none."""
    n = getattr(generator.bit_generator.seed_seq, "n_children_spawned", 0)
    return [_entropy(generator), n] if n else None


def _entropy(generator: np.random.Generator) -> str:
    return str(getattr(generator.bit_generator.seed_seq, "entropy", None))
