"""The training state of a CARSProblem: supernet, optimizer and random streams, as plain arrays."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from carsmoo.config.network import NetworkConfig
from carsmoo.config.supernet import SupernetTraining
from carsmoo.nets.data import ImageData
from carsmoo.nets.distributed.group import ALONE, Group
from carsmoo.nets.models.base import SharedWeights
from carsmoo.nets.models.cells import set_memory_format
from carsmoo.nets.models.device import FORMATS
from carsmoo.nets.models.init import generator_of
from carsmoo.nets.supernet.flat import digest_of, flat, joined, layout_of, put_back
from carsmoo.nets.supernet.sampling import Drawn, group_by_flops, largest, round_robin, uniform, widening
from carsmoo.nets.supernet.scored_supernet import ScoredSupernet
from carsmoo.nets.supernet.trainer import SupernetTrainer
from carsmoo.space.search_space import SearchSpace
from carsmoo.utils.progress import Listener, Step, unheard
from carsmoo.utils.validation import DivergenceError

SLOWDOWN = 0.1
"""What the learning rate is multiplied by when training diverged."""


class SupernetState(ScoredSupernet):
    """The training state of a CARSProblem: the supernet, its trainer and their random streams.

    The supernet lives where ``data`` do, in the memory format named ``layout``. From the seed come initial weights,
    order and augmentation of images, architectures and the images that scores take. Each process of a group has a
    state of the same arguments. With ``first``, a vector, a warm-up that widens begins; it is None where none does.
    """

    @torch.inference_mode(False)
    def __init__(
        self,
        space: SearchSpace,
        network: NetworkConfig,
        plan: SupernetTraining,
        data: ImageData,
        seed: int,
        layout: str = "channels_last",
        group: Group = ALONE,
    ) -> None:
        weights, images, architectures, subset, first = np.random.SeedSequence(seed).spawn(5)
        self.space = space
        self.layout = layout
        made: SharedWeights = space.build_supernet(network, generator_of(weights))
        supernet = made.to(data.train.images.device)
        set_memory_format(supernet, FORMATS[layout])
        super().__init__(supernet, plan, data, seed, subset, group)
        self.trainer = SupernetTrainer(self.supernet, data, plan, generator_of(images), group)
        self.random_state = np.random.default_rng(architectures)
        self.first = largest(space, network, np.random.default_rng(first)) if plan.warmup_widening else None
        self._parameters = list(self.supernet.parameters())
        self._weights = [flat(parameter) for parameter in self._parameters]
        self._layout = layout_of(dict(self.supernet.named_parameters()))
        self._state: dict[str, NDArray[Any]] | None = None

    @property
    def epochs(self) -> float:
        """Epochs that the shared weights have been trained for."""
        return self.trainer.epochs

    @property
    def updates(self) -> float | None:
        """Return the median number of steps that an operation was trained for; None if that is not known."""
        return self.trainer.median_updates

    @torch.inference_mode(False)
    def train(
        self,
        phase: str,
        epochs: range,
        total: int,
        draw: Callable[[int], Drawn],
        listener: Listener = unheard,
    ) -> None:
        """Train for some of a phase's epochs; should that diverge, once more from here at a lower rate that stays.

        ``draw``, given how many architectures a step has, gives those of each step; the listener is told of each step,
        at the end of an epoch with what was measured.

        Raises:
            DivergenceError: if it diverges at the lower learning rate too.
            DisagreementError: if the processes of the group have come to hold different weights.
        """
        before, n = self.state_dict(), self.trainer.plan.subnets_per_step
        try:
            self._train(phase, epochs, total, draw(n), listener)
        except DivergenceError:
            if self.trainer.slowdown < 1:
                raise
            self.load_state_dict(before)
            self.trainer.slowdown = SLOWDOWN
            listener(Step(phase="rollback", done=1, total=1, unit="steps", figures={"slowdown": SLOWDOWN}))
            self._train(phase, epochs, total, draw(n), listener)

    def begin(self, listener: Listener = unheard) -> None:
        """Warm the shared weights up, as far as the plan says."""
        self.warm_up(listener)

    def join(self, X: NDArray[np.int64], listener: Listener = unheard) -> bool:
        """Return that no weights changed: a supernet's do not depend on who is scored."""
        return False

    def warm_up(self, listener: Listener = unheard) -> None:
        """Train on architectures of the space until the plan's warm-up is over; see :meth:`train`."""
        total = self.trainer.plan.warmup_epochs
        for epoch in range(round(self.trainer.epochs), total):  # a run that was stopped in here resumes with the next
            self.train("warm-up", range(epoch, epoch + 1), total, self.warming, listener)

    def train_on(self, X: NDArray[np.int64], listener: Listener = unheard) -> None:
        """Train a generation's epochs on a population ``X`` (n, n_var) that all processes have; see :meth:`train`."""
        if self.trainer.group.size > 1:
            self.trainer.group.require_same("population", hashlib.sha256(X.tobytes()).digest())
        total = self.trainer.plan.epochs_per_generation
        self.train("training", range(total), total, partial(self.drawn_from, X), listener)

    def _train(self, phase: str, epochs: range, total: int, architectures: Drawn, listener: Listener) -> None:
        self._state = None
        steps = self.trainer.steps_per_epoch
        drawn, window = islice(architectures, len(epochs) * steps), self.trainer.plan.flops_grouping_window
        architectures = group_by_flops(drawn, window, self.supernet.network, self.random_state)
        step = partial(Step, phase=phase, total=total * steps, unit="steps")
        listener(step(done=epochs.start * steps))
        for epoch in epochs:
            losses = torch.zeros((), dtype=torch.float32, device=self.data.train.labels.device)
            for k, loss in enumerate(self.trainer.epoch(architectures), 1):
                losses += loss
                self._state = None  # a listener may have asked for it
                if k < steps:
                    listener(step(done=epoch * steps + k))
            figures = self._figures(losses)
            if epoch + 1 == epochs.stop and self.trainer.group.size > 1:  # before anyone saves it
                self.trainer.group.require_same("weights", self.digest())
            listener(step(done=(epoch + 1) * steps, figures=figures))

    def _figures(self, losses: Tensor) -> dict[str, float]:
        """Return the mean loss of an epoch's steps, and how many were skipped if any was."""
        trainer = self.trainer
        skipped, steps, epoch = trainer.take_skipped(), trainer.steps_per_epoch, round(trainer.epochs)
        if 2 * skipped > steps:
            rate = trainer.plan.learning_rate_at(trainer.epochs) * trainer.slowdown
            raise DivergenceError(
                f"training: expected finite gradients, got none in {skipped} of {steps} steps of epoch {epoch} "
                f"at learning rate {rate:.3g}"
            )
        figures = {"loss": float(losses) / (steps - skipped), "epoch": epoch}
        return {**figures, "skipped": skipped} if skipped else figures

    def warming(self, n: int) -> Drawn:
        """Yield ``n`` architectures again and again for the warm-up: uniformly, or as ``warmup_widening`` says."""
        if self.first is None:
            return self.uniform(n)
        steps = self.trainer.plan.warmup_widening * self.trainer.plan.warmup_epochs * self.trainer.steps_per_epoch
        return widening(self.space, n, self.first, lambda: self.trainer.steps / steps, self.random_state)

    def uniform(self, n: int) -> Drawn:
        """Yield ``n`` uniformly sampled architectures again and again (CARS's parameter warm-up)."""
        return uniform(self.space, n, self.random_state)

    def drawn_from(self, X: NDArray[np.int64], n: int) -> Drawn:
        """Yield ``n`` architectures of a population again and again; all have a turn before one has another."""
        return round_robin(self.space.decode(X), n, self.random_state)

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """Return weights, momentum, steps and random streams as plain arrays, not to be written to.

        Weights are one array (n,), in the order of parameters and their memory, and so are the momenta of those that
        have moved. While nothing is trained they are copied once.
        """
        if self._state is None:
            self._state = self._copied()
        return dict(self._state)

    def digest(self) -> bytes:
        """Return the SHA-256 of :meth:`state_dict`."""
        return digest_of(self.state_dict())

    def _copied(self) -> dict[str, NDArray[Any]]:
        momenta = [self.trainer.optimizer.state.get(p, {}).get("momentum_buffer") for p in self._parameters]
        text = json.dumps(self.random_state.bit_generator.state)
        return {
            "layout": self._layout,
            "weights": joined(self._weights),
            "moved": np.array([m is not None for m in momenta]),
            "momentum": joined([flat(m) for m in momenta if m is not None]),
            "memory_format": np.frombuffer(self.layout.encode(), dtype=np.uint8),
            "steps": np.array(self.trainer.steps),
            "slowdown": np.array(self.trainer.slowdown),
            **({} if self.trainer.updates is None else {"updates": self.trainer.updates.copy()}),
            "random/images": self.trainer.generator.get_state().numpy().copy(),
            "random/architectures": np.frombuffer(text.encode(), dtype=np.uint8).copy(),
        }

    @torch.inference_mode(False)
    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Restore what :meth:`state_dict` returned.

        Raises:
            ValueError: if it is that of other weights, or not all of it is there.
        """
        missing = [name for name in self._copied() if name not in state and name != "updates"]  # not in older states
        if missing:
            raise ValueError(f"state: expected what state_dict() returned, got no {missing[0]!r}")
        if not np.array_equal(state["layout"], self._layout):
            raise ValueError("state: expected the weights of a problem made with the same arguments, got others")
        self._state = None
        put_back(self._weights, state["weights"])
        self.trainer.optimizer.state.clear()
        moved = [p for p, has in zip(self._parameters, state["moved"], strict=True) if has]
        buffers = [torch.zeros_like(parameter) for parameter in moved]  # in the weights' memory format, as SGD needs
        put_back([flat(buffer) for buffer in buffers], state["momentum"])
        for parameter, buffer in zip(moved, buffers, strict=True):
            self.trainer.optimizer.state[parameter] = {"momentum_buffer": buffer}
        self.trainer.steps = int(state["steps"])
        self.trainer.slowdown = float(state["slowdown"])
        self.trainer.updates = state["updates"].copy() if "updates" in state else None
        self.trainer.generator.set_state(torch.from_numpy(state["random/images"].copy()))
        self.random_state.bit_generator.state = json.loads(state["random/architectures"].tobytes())
