"""Retraining of one network: steps, epochs, and all of its state as plain arrays."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split
from torch import Tensor

from carsmoo.config.network import NetworkConfig
from carsmoo.config.retraining import TrainingRecipe
from carsmoo.cost.closed_form import params
from carsmoo.cost.memory import require_step
from carsmoo.nets.data import Augment, Split, Stream, TrainingData
from carsmoo.nets.data.transforms import cut_out
from carsmoo.nets.models.base import ArchitectureNetwork, SharedWeights
from carsmoo.nets.models.cells import set_memory_format
from carsmoo.nets.models.device import memory_of, precision
from carsmoo.nets.models.init import generator_of
from carsmoo.nets.models.network import build
from carsmoo.space.architecture import Architecture
from carsmoo.utils.progress import Listener, Step, unheard

Arrays = Mapping[str, NDArray[Any]]

SCORE_BATCH = 500
"""Images scored at a time, at most."""

SCORE_PIXELS = 500 * 64 * 64
"""Pixels scored at a time, at most."""

Images: TypeAlias = Split | Stream


def inherited(genotype: Architecture, network: NetworkConfig, supernet: SharedWeights) -> dict[str, NDArray[Any]]:
    """Return the weights that a network of this genotype inherits from a supernet, by name.

    Raises:
        ValueError: if the two differ in anything that shapes the weights.
    """
    return transferable(build(genotype, network, torch.Generator().manual_seed(0)).inherit(supernet))


def transferable(network: ArchitectureNetwork) -> dict[str, NDArray[Any]]:
    """Return the weights of a network that another may start from, by name: no statistics, no auxiliary head."""
    left_out = ("auxiliary.", "running_mean", "running_var", "num_batches_tracked")
    return {
        name: value.cpu().contiguous().numpy().copy()
        for name, value in network.state_dict().items()
        if not name.startswith(left_out[0]) and not name.endswith(left_out[1:])
    }


def split_for(data: TrainingData, recipe: TrainingRecipe) -> tuple[Images, Images | None]:
    """Return the images that are trained on, and those held out, by class and at random; None if none is.

    Both come from search-train and search-validation together.

    Raises:
        ValueError: if a class has too few images to hold some out.
    """
    both = data.trained_on
    size = round(recipe.holdout_fraction * len(both))
    if size == 0:
        return both, None
    numbers = both.labels.cpu().numpy()
    try:
        chosen = train_test_split(
            np.arange(len(numbers)), test_size=size, stratify=numbers, random_state=recipe.seed % 2**32
        )
    except ValueError as error:
        raise ValueError(f"holdout_fraction: expected enough of each class to hold {size} out, got {error}") from None
    train, held_out = (torch.from_numpy(np.sort(part)).to(both.labels.device) for part in chosen)
    return both.at(train), both.at(held_out)


def _steps(images: int, batch: int) -> int:
    """Return the steps of an epoch, none of which has one image of several, since it would have no statistics."""
    return max(min(-(-images // batch), images // 2), 1)


def require_memory(genotype: Architecture, recipe: TrainingRecipe, data: TrainingData) -> None:
    """Check that a network can be trained in the memory of the images' device.

    Raises:
        ValueError: telling the bytes.
    """
    network = recipe.network(data.image_shape, data.classes)
    images = round((1 - recipe.holdout_fraction) * len(data.trained_on))
    batch = -(-images // _steps(images, recipe.batch))
    memory = memory_of(data.trained_on.labels.device)
    require_step(network, params(genotype, network), batch, genotype.kept(network), memory)


def augment_for(data: TrainingData, recipe: TrainingRecipe) -> Augment:
    """Return what the recipe does to training images at random, with the data's own where it says nothing."""
    own = {"pad": recipe.pad, "flip": recipe.flip}
    changes: dict[str, Any] = {name: value for name, value in own.items() if value is not None}
    return Augment(
        size=data.image_shape[1:],
        resized_crop=recipe.resized_crop,
        shift=dataclasses.replace(data.augmentation, **changes),
        jitter=(recipe.brightness, recipe.contrast, recipe.saturation, recipe.hue),
    )


def loss_of(logits: Tensor, auxiliary: Tensor | None, labels: Tensor, recipe: TrainingRecipe) -> Tensor:
    """Return the loss of a step, a scalar: cross entropy with smoothed labels, plus the auxiliary head's weighted."""
    loss = F.cross_entropy(logits, labels, label_smoothing=recipe.label_smoothing)
    if auxiliary is not None:
        loss = loss + recipe.auxiliary_weight * F.cross_entropy(
            auxiliary, labels, label_smoothing=recipe.label_smoothing
        )
    return loss


@torch.no_grad()
def error_of(
    network: ArchitectureNetwork,
    split: Images,
    normalise: Callable[[Tensor], Tensor],
    between: Callable[[], None] | None = None,
) -> float:
    """Return the top-1 error on a split, a fraction, in evaluation mode; the network's mode is left as it was.

    Where ``between`` is given, it is called before each batch but the first.
    """
    training = network.training
    network.eval()
    wrong = torch.zeros((), dtype=torch.int64, device=split.labels.device)
    height, width = network.config.input_shape[1:]
    for k, (images, labels) in enumerate(split.batches(max(min(SCORE_BATCH, SCORE_PIXELS // (height * width)), 1))):
        if k and between is not None:
            between()
        with precision(labels.device):
            wrong += (network(normalise(images)).argmax(dim=1) != labels).sum()
    network.train(training)
    return int(wrong) / len(split)


class NetworkTrainer:
    """Trains one network by a recipe, an epoch at a time.

    Args:
        genotype: its cells.
        recipe: how it is trained.
        data: images, on the device where it is trained.
        initial: weights to start from, by name, instead of random ones.

    Attributes:
        network: the network, in training mode.
        epochs: epochs done.
        held_out: images that are never trained on; None if there are none.

    Raises:
        ValueError: if the network does not fit the images, a class is too small, or ``initial`` is of another network.
    """

    @torch.inference_mode(False)
    def __init__(
        self, genotype: Architecture, recipe: TrainingRecipe, data: TrainingData, initial: Arrays | None = None
    ) -> None:
        self.recipe = recipe
        self.data = data
        self.train, self.held_out = split_for(data, recipe)
        weights, images, paths = (generator_of(s) for s in np.random.SeedSequence(recipe.seed).spawn(3))
        device = self.train.labels.device
        require_memory(genotype, recipe, data)
        self.network = build(genotype, recipe.network(data.image_shape, data.classes), weights).to(device)
        set_memory_format(self.network, torch.channels_last)
        self.generator = images
        self.network.path_generator = paths
        self.augment = augment_for(data, recipe)
        self.epochs = 0
        self.optimizer = torch.optim.SGD(
            self.network.parameters(),
            recipe.learning_rate,
            recipe.momentum,
            weight_decay=recipe.weight_decay,
            fused=True,
        )
        if initial is not None:
            self._put(dict(self.network.state_dict()), initial, partly=True)
        self._momenta = {name: torch.zeros_like(p) for name, p in self.network.named_parameters()}
        if recipe.momentum > 0:
            for name, parameter in self.network.named_parameters():
                self.optimizer.state[parameter] = {"momentum_buffer": self._momenta[name]}

    @property
    def steps_per_epoch(self) -> int:
        """Steps of an epoch."""
        return _steps(len(self.train), self.recipe.batch)

    def progress(self, steps: int = 0, **told: Any) -> Step:
        """Return the event of so many steps after the last whole epoch."""
        n = self.steps_per_epoch
        done, total = self.epochs * n + steps, self.recipe.epochs * n
        return Step(phase="training", done=done, total=total, unit="steps", **told)

    @torch.inference_mode(False)
    def epoch(self, listener: Listener = unheard) -> float:
        """Train for one epoch and return the mean loss of its steps; it is NaN or infinite if training diverged.

        Args:
            listener: called after each step but the last, after which there may be more to tell.
        """
        self.network.drop_path = self.recipe.drop_path_in(self.epochs)
        self.network.train()
        labels = self.train.labels
        steps = self.steps_per_epoch
        total = torch.zeros((), dtype=torch.float32, device=labels.device)
        order = torch.randperm(len(labels), generator=self.generator).to(labels.device).tensor_split(steps)
        for k, (images, theirs) in enumerate(self.train.augmented(order, self.augment, self.generator), 1):
            for group in self.optimizer.param_groups:
                group["lr"] = self.recipe.learning_rate_in(self.epochs, (k - 0.5) / steps)
            total += self.step(cut_out(self.data.normalise(images), self.recipe.cutout, self.generator), theirs)
            if k < steps:
                listener(self.progress(k))
        self.epochs += 1
        return float(total) / steps

    @torch.enable_grad()
    def step(self, images: Tensor, labels: Tensor) -> Tensor:
        """Make one step on normalised images and return its loss, a scalar on the device."""
        with precision(images.device):
            loss = loss_of(*self.network.forward_both(images), labels, self.recipe)
        torch.autograd.backward([loss])
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return loss.detach()

    def error(self, split: Images, listener: Listener = unheard) -> float:
        """Return the error on a split, a fraction; between batches the listener is told that no step was done."""
        return error_of(self.network, split, self.data.normalise, lambda: listener(self.progress()))

    def weights(self) -> dict[str, NDArray[Any]]:
        """Return a copy of the weights and the running statistics of batch norm, by name."""
        return {name: value.cpu().contiguous().numpy().copy() for name, value in self.network.state_dict().items()}

    def load_weights(self, weights: Arrays) -> None:
        """Restore what :meth:`weights` returned.

        Raises:
            ValueError: if it is of another network.
        """
        self._put(dict(self.network.state_dict()), weights)

    def state(self) -> dict[str, NDArray[Any]]:
        """Return all that training resumes from, as plain arrays."""
        assert self.network.path_generator is not None
        return {
            **{f"weights/{name}": value for name, value in self.weights().items()},
            **{f"momentum/{name}": m.cpu().contiguous().numpy().copy() for name, m in self._momenta.items()},
            "epochs": np.array(self.epochs),
            "random/images": self.generator.get_state().numpy().copy(),
            "random/paths": self.network.path_generator.get_state().numpy().copy(),
        }

    def load_state(self, state: Arrays) -> None:
        """Restore what :meth:`state` returned.

        Raises:
            ValueError: if it is of another network, or not all of it is there.
        """
        assert self.network.path_generator is not None
        missing = [name for name in ("epochs", "random/images", "random/paths") if name not in state]
        if missing:
            raise ValueError(f"state: expected what state() returned, got no {missing[0]!r}")
        self.load_weights(_below("weights/", state))
        self._put(self._momenta, _below("momentum/", state))
        self.epochs = int(state["epochs"])
        self.generator.set_state(torch.from_numpy(state["random/images"].copy()))
        self.network.path_generator.set_state(torch.from_numpy(state["random/paths"].copy()))

    @torch.inference_mode(False)
    @torch.no_grad()
    def _put(self, tensors: Mapping[str, Tensor], values: Arrays, *, partly: bool = False) -> None:
        """Write values into tensors of the same names, all or (``partly``) some of them, in the tensors' layout."""
        for name in (*values, *(() if partly else tensors)):
            expected = tuple(tensors[name].shape) if name in tensors else "no such weights"
            got = values[name].shape if name in values else "none"
            if expected != got:
                raise ValueError(f"{name}: expected {expected} as in the network, got {got}")
        for name, value in values.items():
            tensors[name].copy_(torch.from_numpy(np.array(value)))


def _below(prefix: str, arrays: Arrays) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}
