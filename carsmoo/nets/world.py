"""What moves behind a CARSProblem, and its state as plain arrays."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from carsmoo.config import NetworkConfig, SupernetTraining
from carsmoo.genotype import DARTSSpace, Genotype
from carsmoo.nets.cells import set_memory_format
from carsmoo.nets.data import ImageData
from carsmoo.nets.supernet import Supernet
from carsmoo.nets.training import SupernetTrainer


class World:
    """What moves behind a CARSProblem: the supernet, its trainer and their random streams.

    Args:
        space: the architectures.
        network: widths and depth of the supernet.
        plan: how the shared weights are trained.
        data: images, on the device where the supernet is to live.
        seed: of initial weights, order and augmentation of images, architectures and the calibration images.
    """

    def __init__(
        self, space: DARTSSpace, network: NetworkConfig, plan: SupernetTraining, data: ImageData, seed: int
    ) -> None:
        weights, images, architectures, subset = np.random.SeedSequence(seed).spawn(4)
        self.space = space
        self.data = data
        self.supernet = Supernet(space, network, _generator(weights)).to(data.train.images.device)
        set_memory_format(self.supernet, torch.channels_last)
        self.trainer = SupernetTrainer(self.supernet, data, plan, _generator(images))
        self.random_state = np.random.default_rng(architectures)
        train = data.train.images
        chosen = np.random.default_rng(subset).permutation(len(train))[: plan.calibration]
        fixed = train[torch.from_numpy(np.sort(chosen)).to(train.device)]
        count = max(len(fixed) // plan.batch, 1)
        self.calibration = [data.normalise(part) for part in fixed.tensor_split(count)]

    def uniform(self, n: int) -> Iterator[list[Genotype]]:
        """Yield ``n`` uniformly drawn architectures again and again (CARS's parameter warm-up)."""
        while True:
            X = self.random_state.integers(self.space.xl, self.space.xu + 1, size=(n, self.space.n_var))
            yield self.space.decode(X)

    def drawn_from(self, X: NDArray[np.int64], n: int) -> Iterator[list[Genotype]]:
        """Yield ``n`` architectures of a population again and again; all have a turn before one has another."""
        genotypes: list[Genotype] = self.space.decode(X)
        queue: list[int] = []
        while True:
            while len(queue) < n:
                queue += self.random_state.permutation(len(genotypes)).tolist()
            yield [genotypes[k] for k in queue[:n]]
            del queue[:n]

    def state(self) -> dict[str, NDArray[Any]]:
        """Return weights, momentum, steps and random streams as plain arrays."""
        state = {f"weights/{name}": t.cpu().numpy().copy() for name, t in self.supernet.state_dict().items()}
        momenta = self.trainer.optimizer.state
        for name, parameter in self.supernet.named_parameters():
            if parameter in momenta:
                state[f"momentum/{name}"] = momenta[parameter]["momentum_buffer"].cpu().numpy().copy()
        state["steps"] = np.array(self.trainer.steps)
        state["random/images"] = self.trainer.generator.get_state().numpy().copy()
        text = json.dumps(self.random_state.bit_generator.state)
        state["random/architectures"] = np.frombuffer(text.encode(), dtype=np.uint8).copy()
        return state

    def load_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over what :meth:`state` returned.

        Raises:
            ValueError: if weights are missing, unknown or of another shape.
        """
        own = self.supernet.state_dict()
        given = {name.removeprefix("weights/"): a for name, a in state.items() if name.startswith("weights/")}
        if set(given) != set(own) or any(given[name].shape != tuple(own[name].shape) for name in own):
            raise ValueError("state: expected the weights of a problem made with the same arguments, got others")
        self.supernet.load_state_dict({name: torch.from_numpy(a.copy()) for name, a in given.items()})
        for name, parameter in self.supernet.named_parameters():
            if (a := state.get(f"momentum/{name}")) is not None:
                buffer = torch.zeros_like(parameter)  # in the memory format of the weights, which SGD relies on
                buffer.copy_(torch.from_numpy(a).reshape(parameter.shape))
                self.trainer.optimizer.state[parameter] = {"momentum_buffer": buffer}
        self.trainer.steps = int(state["steps"])
        self.trainer.generator.set_state(torch.from_numpy(state["random/images"].copy()))
        self.random_state.bit_generator.state = json.loads(state["random/architectures"].tobytes())


def _generator(seeds: np.random.SeedSequence) -> torch.Generator:
    return torch.Generator().manual_seed(int(seeds.generate_state(1, np.uint64)[0] >> 1))
