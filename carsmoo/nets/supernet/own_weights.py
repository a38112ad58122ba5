"""Own weights: each network of a population has weights of its own, inherited at birth and trained a round at a time.

Nothing is shared as in a supernet: a newborn copies its
weights, operation by operation, from its nearest relatives (Lamarckian inheritance, Elsken et al., ICLR 2019), and
from then on trains alone. The engine, its operators and its survival know no difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.optim.swa_utils import update_bn

from carsmoo.config.network import NetworkConfig
from carsmoo.config.supernet import SupernetTraining
from carsmoo.cost.closed_form import flops
from carsmoo.nets.data import ImageData, Split
from carsmoo.nets.data.splits import at_random
from carsmoo.nets.distributed.group import ALONE, Group, shards
from carsmoo.nets.models.base import ArchitectureNetwork
from carsmoo.nets.models.cells import set_memory_format
from carsmoo.nets.models.device import FORMATS, precision
from carsmoo.nets.models.init import generator_of
from carsmoo.nets.models.network import build
from carsmoo.nets.supernet.exchange import exchange, tensors_of
from carsmoo.nets.supernet.flat import digest_of
from carsmoo.nets.supernet.inheritance import inherit
from carsmoo.nets.supernet.rounds import steps_per_epoch, train_round
from carsmoo.nets.supernet.scores import in_units, of_images
from carsmoo.problems.trust import halves_of
from carsmoo.space.architecture import Architecture
from carsmoo.space.search_space import SearchSpace
from carsmoo.utils.progress import Listener, Step, unheard
from carsmoo.utils.validation import DivergenceError


@dataclass
class Individual:
    """A network of the population.

    Args:
        network: with its weights.
        born: generation of its birth.
        steps: steps that it has been trained for since.
    """

    network: ArchitectureNetwork
    born: int
    steps: int = 0


class OwnWeights:
    """The networks of a population and of its newborns, each with weights of its own.

    A round is what one network is trained for at a time: its share of the epochs that the plan says, each step on the
    next batch of an order of its own. Its learning rate rises to the plan's and falls to the plan's least, so that each
    score is that of a network at the end of a schedule. What is random of a network comes of the seed, its genotype and
    its steps alone: who else lives changes nothing but what it inherits.
    """

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
        self.space, self.network, self.plan, self.data = space, network, plan, data
        self.seed, self.layout, self.group = seed, layout, group
        self.living: dict[bytes, Individual] = {}
        self.time, self.steps = 0, 0
        self.scored = at_random(data.validation, plan.score_images, seed)
        fixed = at_random(data.train, plan.bn_calibration_images, seed)
        parts = max(len(fixed) // plan.batch_size, 1)
        self.calibration = [data.normalise(part) for part in fixed.images.tensor_split(parts)]

    @property
    def steps_per_epoch(self) -> int:
        """Steps of an epoch."""
        return steps_per_epoch(self.plan, self.data)

    @property
    def epochs(self) -> float:
        """Epochs that the networks have been trained for, all together."""
        return self.steps / self.steps_per_epoch

    @property
    def updates(self) -> float | None:
        """The median number of steps that the living networks were trained for; None if none lives that was."""
        steps = [one.steps for one in self.living.values() if one.steps]
        return float(np.median(steps)) if steps else None

    def round_of(self, epochs: int) -> int:
        """Return how many steps a network is trained for where a population shares so many epochs."""
        return max(round(epochs * self.steps_per_epoch / self.plan.pop_size), 1)

    # ------------------------------------------------------------------ a generation

    def begin(self, listener: Listener = unheard) -> None:
        """Do nothing: networks are trained as they come."""

    def join(self, X: NDArray[np.int64], listener: Listener = unheard) -> bool:
        """Let those of ``X`` (n, n_var) that were not trained yet be born, and train a first round; tell if any was.

        A first round is as long as the first population's, whenever it comes: all begin alike.
        """
        new = [one for one in _each_once(self._of(X)) if one.steps == 0]
        if new:
            self._train("training" if self.time else "warm-up", new, self.round_of(self.plan.warmup_epochs), listener)
        return bool(new)

    def train_each(self, X: NDArray[np.int64], steps: int, listener: Listener = unheard) -> None:
        """Train each network of ``X`` (n, n_var) for a round of so many steps, whatever the plan says."""
        self._train("training", _each_once(self._of(X)), steps, listener)

    def train_on(self, X: NDArray[np.int64], listener: Listener = unheard) -> None:
        """Train each network of a population ``X`` (n, n_var) for a round; of the others the newborns alone live on."""
        chosen = _each_once(self._of(X))
        keys = set(self._keys(X))
        self.living = {k: one for k, one in self.living.items() if k in keys or one.born == self.time}
        self._train("training", chosen, self.round_of(self.plan.epochs_per_generation), listener)
        self.time += 1

    def _train(self, phase: str, chosen: Sequence[Individual], steps: int, listener: Listener) -> None:
        """Train some networks for a round each, this process its share of them; afterwards all processes have all."""
        losses = torch.zeros(len(chosen))
        mine = self._share(chosen)
        tell = partial(Step, phase=phase, total=len(chosen), unit="networks")
        listener(tell(done=0))
        for done, k in enumerate(mine, 1):
            one = chosen[k]
            generator = self._generator(one.network.genotype, one.steps)
            losses[k] = train_round(one.network, self.plan, self.data, steps, generator)
            if done < len(mine):
                listener(tell(done=done * len(chosen) // len(mine)))
        if self.group.size > 1:
            exchange([one.network for one in chosen], losses, mine, self.group)
        for one in chosen:
            one.steps += steps
        self.steps += len(chosen) * steps
        finite = losses[losses.isfinite()]
        if len(finite) == 0:
            raise DivergenceError(f"training: expected a finite loss, got none in {len(chosen)} networks")
        figures = {"loss": float(finite.mean()), "epoch": round(self.epochs)}
        listener(tell(done=len(chosen), figures=figures))

    def _share(self, chosen: Sequence[Individual]) -> list[int]:
        """Return which of some networks this process computes, balanced by multiply-adds."""
        costs = [float(flops(one.network.genotype, self.network)) for one in chosen]
        return sorted(shards(costs, self.group.size)[self.group.rank])

    # ------------------------------------------------------------------ births

    def _of(self, X: NDArray[np.int64], *, keep: bool = True) -> list[Individual]:
        """Return the networks of some vectors; those that do not live are born, and live on if they are to be kept."""
        keys = self._keys(X)
        relatives = [one.network for one in self.living.values() if one.steps]  # who was only asked for is none
        born = {}
        for key, genotype in zip(keys, self.space.decode(X), strict=True):
            if key not in self.living and key not in born:
                born[key] = Individual(self._newborn(genotype, relatives), self.time)
        if keep:
            self.living |= born
        return [self.living.get(key) or born[key] for key in keys]

    def _keys(self, X: NDArray[np.int64]) -> list[bytes]:
        return [row.tobytes() for row in self.space.canonical(X)]

    @torch.inference_mode(False)
    def _newborn(self, genotype: Architecture, relatives: Sequence[ArchitectureNetwork]) -> ArchitectureNetwork:
        network = self._made(genotype)
        if relatives:
            inherit(network, relatives)
        update_bn(self.calibration, network)
        return network.eval()

    def _made(self, genotype: Architecture) -> ArchitectureNetwork:
        """Return a network with weights drawn for it alone."""
        network = build(genotype, self.network, self._generator(genotype, 0)).to(self.data.train.labels.device)
        set_memory_format(network, FORMATS[self.layout])
        return network

    def _generator(self, genotype: Architecture, steps: int) -> torch.Generator:
        """Return the generator for what is random of a network after so many steps."""
        x = self.space.encode(genotype).tolist()
        return generator_of(np.random.SeedSequence([self.seed, steps, *x]))

    # ------------------------------------------------------------------ scores

    def trained(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the living networks that were trained: vectors, (n, n_var), in their order, and steps, (n,)."""
        rows = sorted((key, one.steps) for key, one in self.living.items() if one.steps)
        X = [np.frombuffer(key, dtype=np.int64) for key, _ in rows]
        return np.array(X, dtype=np.int64).reshape(-1, self.space.n_var), np.array([steps for _, steps in rows])

    def scores(
        self, genotypes: Sequence[Architecture], score: str = "error", listener: Listener = unheard, race: object = None
    ) -> NDArray[Any]:
        """Return the tallies of the scored images, (n, 2, 2), by all processes of the group; nobody races."""
        chosen = self._of(np.array([self.space.encode(genotype) for genotype in genotypes]))
        found = np.zeros((len(chosen), 2, 2), dtype=np.int64)
        mine = self._share(chosen)
        for done, k in enumerate(mine, 1):
            found[k] = halves_of(self._scores(chosen[k], self.scored, score)[None].cpu().numpy())[0]
            listener(Step(phase="scoring", done=done * len(chosen) // len(mine), total=len(chosen), unit="networks"))
        summed: NDArray[np.int64] = np.sum(self.group.gather(found), axis=0)  # each row is of one process
        return in_units(score, summed)

    def errors(
        self,
        genotypes: Sequence[Architecture],
        split: Split,
        statistics: str | None = None,
        listener: Listener = unheard,
    ) -> NDArray[np.float64]:
        """Return the errors of networks on a split, (n,), fractions; of one that does not live, as it would be born.

        Raises:
            ValueError: for statistics of a batch; a network has those of its training.
        """
        if statistics == "batch":
            raise ValueError("statistics: expected 'recalibrated' with weights='own', got 'batch'")
        X = np.array([self.space.encode(genotype) for genotype in genotypes])
        return np.array([float(self._scores(one, split, "error").double().mean()) for one in self._of(X, keep=False)])

    @torch.no_grad()
    def _scores(self, one: Individual, split: Split, score: str) -> Tensor:
        """Return what each image of a split scores, (images,), whole numbers."""
        parts = []
        for images, labels in split.batches(self.plan.eval_batch_size):
            with precision(labels.device):
                parts.append(of_images(score, one.network(self.data.normalise(images)), labels))
        return torch.cat(parts)

    def subnet(self, genotype: Architecture) -> ArchitectureNetwork:
        """Return a copy of a genotype's network as it is now, in evaluation mode."""
        (one,) = self._of(self.space.encode(genotype)[None], keep=False)
        network = self._made(genotype)
        network.load_state_dict(one.network.state_dict())
        return network.eval()

    # ------------------------------------------------------------------ state

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """Return the networks, oldest first, as plain arrays: genotypes, births, steps, and all weights in a row."""
        individuals = list(self.living.values())
        tensors = [t for one in individuals for t in tensors_of(one.network)]
        weights = [t.detach().cpu().contiguous().numpy().ravel() for t in tensors]
        X = np.array([self.space.encode(one.network.genotype) for one in individuals], dtype=np.int64)
        return {
            "memory_format": np.frombuffer(self.layout.encode(), dtype=np.uint8),
            "steps": np.array(self.steps),
            "generation": np.array(self.time),
            "living": X.reshape(-1, self.space.n_var),
            "born": np.array([one.born for one in individuals], dtype=np.int64),
            "trained": np.array([one.steps for one in individuals], dtype=np.int64),
            "weights": np.concatenate(weights) if weights else np.empty(0, dtype=np.float32),
        }

    @torch.inference_mode(False)
    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Restore what :meth:`state_dict` returned.

        Raises:
            ValueError: if it is of other networks, or not all of it is there.
        """
        missing = [name for name in self.state_dict() if name not in state]
        if missing:
            raise ValueError(f"state: expected what state_dict() returned, got no {missing[0]!r}")
        made = [self._made(genotype) for genotype in self.space.decode(self.space.check(state["living"]))]
        tensors = [t for network in made for t in tensors_of(network)]
        sizes = [t.numel() for t in tensors]
        if state["weights"].shape != (sum(sizes),):
            raise ValueError(f"state: expected {sum(sizes)} weights, got {state['weights'].shape}")
        parts = torch.split(torch.from_numpy(np.array(state["weights"])), sizes) if sizes else ()
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view(tensor.shape))
        rows = zip(self._keys(state["living"]), made, state["born"], state["trained"], strict=True)
        self.living = {key: Individual(network.eval(), int(born), int(steps)) for key, network, born, steps in rows}
        self.time, self.steps = int(state["generation"]), int(state["steps"])

    def digest(self) -> bytes:
        """Return the SHA-256 of :meth:`state_dict`."""
        return digest_of(self.state_dict())


def _each_once(individuals: Sequence[Individual]) -> list[Individual]:
    """Return different individuals, those that a population has twice once."""
    return list({id(one): one for one in individuals}.values())
