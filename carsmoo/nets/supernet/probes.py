"""Probes: networks of a population that are trained alone for a moment, whose order the search's is held against.

What all supernets have in common, too little training above all, shows in no disagreement between them, but in networks
trained alone; how well, ``benchmarks/truth/briefly.py`` measures.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carsmoo.config.network import NetworkConfig
from carsmoo.config.supernet import PROBE_STEPS, SupernetTraining
from carsmoo.cost.closed_form import over_sizes
from carsmoo.nets.data import ImageData
from carsmoo.nets.distributed.group import Group
from carsmoo.nets.supernet.own_weights import OwnWeights
from carsmoo.problems.trust import scores_of
from carsmoo.space.search_space import SearchSpace
from carsmoo.utils.progress import Listener
from carsmoo.utils.trees import Arrays
from carsmoo.utils.validation import DivergenceError

PHASE = "probes"
"""The phase that their steps are told in."""

VECTORS, LOSSES = "probes/X", "probes/losses"
"""Of what a state holds."""


class Probes:
    """The losses of networks, on the images that score, after a moment of training alone.

    A network is trained once, however often it is asked for, and nothing of it is kept but its loss, which comes of the
    seed and the network alone.

    Args:
        space: the architectures.
        network: those of the search; probes have their widths and depth.
        plan: of their training, ``of_probes`` of the search's; its population is as many as are taken at most.
        seed: of the training.
        group: the processes that train together.
    """

    def __init__(
        self, space: SearchSpace, network: NetworkConfig, plan: SupernetTraining, seed: int, group: Group
    ) -> None:
        self.space, self.network, self.plan, self.seed, self.group = space, network, plan, seed, group
        self._known: dict[bytes, float] = {}

    def chosen(self, X: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return which of some different vectors (n, n_var) are probes, as many as planned at most, over all sizes."""
        genotypes = self.space.decode(X)
        found: NDArray[np.int64] = X[over_sizes(genotypes, self.network, min(self.plan.pop_size, len(X)))]
        return found

    def losses(self, X: NDArray[np.int64], images: ImageData, layout: str, listener: Listener) -> NDArray[np.float64]:
        """Return the losses of ``X`` (n, n_var), (n,), in nats; those that were not asked for yet are trained first.

        Args:
            X: vectors.
            images: of the search.
            layout: name of the memory format.
            listener: called after each network, always of the phase ``"probes"``.
        """
        keys = [x.tobytes() for x in self.space.canonical(X)]
        new = X[[key not in self._known for key in keys]]
        if len(new):
            shape = replace(self.network, bn_affine=True)
            networks = OwnWeights(self.space, shape, self.plan, images, self.seed, layout, self.group)
            with suppress(DivergenceError):  # networks of which none learns are scored all the same
                networks.train_each(new, PROBE_STEPS, lambda step: listener(replace(step, phase=PHASE, figures={})))
            found = scores_of(networks.scores(self.space.decode(new), "loss"))
            self._known |= {
                x.tobytes(): loss for x, loss in zip(self.space.canonical(new), found.tolist(), strict=True)
            }
        return np.array([self._known[key] for key in keys])

    def state_dict(self) -> Arrays:
        """Return what is known, as plain arrays."""
        X = np.array([np.frombuffer(key, dtype=np.int64) for key in self._known], dtype=np.int64)
        return {VECTORS: X.reshape(-1, self.space.n_var), LOSSES: np.array(list(self._known.values()))}

    def load_state_dict(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Restore what :meth:`state_dict` returned.

        Raises:
            ValueError: if it is not all there, or there is no loss for each network.
        """
        missing = [name for name in (VECTORS, LOSSES) if name not in state]
        if missing:
            raise ValueError(f"state: expected what state_dict() returned, got no {missing[0]!r}")
        X, losses = self.space.check(state[VECTORS]), state[LOSSES]
        if losses.shape != (len(X),) or not np.isfinite(losses).all():
            raise ValueError(f"state: expected {len(X)} finite losses of probes, got {losses.shape}")
        self._known = {x.tobytes(): loss for x, loss in zip(X, losses.tolist(), strict=True)}
