"""A network with its card: what it was trained on, and how it reads images."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, overload

import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from carsmoo.config.network import NetworkConfig
from carsmoo.nets.data.reading import ImageLike, Reading
from carsmoo.nets.models.base import ArchitectureNetwork
from carsmoo.nets.models.device import precision
from carsmoo.nets.models.prediction import Prediction, as_items, batches, predictions
from carsmoo.space.architecture import Architecture


class CardedNetwork(ArchitectureNetwork):
    """A network with its card; it stands before the class of the network among the bases of one that has both.

    Args:
        genotype: its architecture.
        network: its shape.
        card: see ``carsmoo.nets.models.model_card``.

    Attributes:
        card: where its weights come from, how good it is, what it costs.
    """

    card: dict[str, Any]

    def __init__(self, genotype: Architecture, network: NetworkConfig, card: Mapping[str, Any]) -> None:
        super().__init__(genotype, network)
        self.card = dict(card)

    @property
    def class_names(self) -> list[str] | None:
        """Names of the classes in the order of the logits, numbers where they have none; None without training data."""
        data = self.card["data"]
        return None if data is None else data["class_names"] or list(map(str, range(data["classes"])))

    @overload
    def predict(self, images: str | os.PathLike[str] | Image.Image) -> Prediction: ...

    @overload
    def predict(self, images: list[ImageLike] | tuple[ImageLike, ...]) -> list[Prediction]: ...

    @overload
    def predict(self, images: NDArray[Any] | Tensor) -> Prediction | list[Prediction]: ...

    def predict(self, images: ImageLike | list[Any] | tuple[Any, ...]) -> Prediction | list[Prediction]:
        """Return the classes of images, read as the data were that the network was trained on.

        Files and pictures are turned upright, brought to the network's colours (transparency is dropped) and to 8 bits,
        and scaled and cropped as those of the data were for its error. Arrays and tensors go the same way from
        there on: bytes; floating numbers in the data's range, for data in bytes in 0..1; not normalised.

        Args:
            images: the path of a file, a PIL image, or an array or tensor (h, w), (c, h, w) or (h, w, c), for which a
                :class:`~carsmoo.nets.models.prediction.Prediction` is returned; or a list of those, or an array or
                tensor (n, c, h, w) or (n, h, w, c), for which a list of them is.

        Raises:
            TypeError: for anything else.
            ValueError: naming the image that cannot be read, has other colours, another size where the data had but
                one, or numbers that do not fit; or if the network was trained on nothing.
        """
        data, names = self.card["data"], self.class_names
        if data is None or names is None:
            raise ValueError("predict: expected a network that was trained on images, got one that was not")
        items, alone = as_items(images)
        reading = Reading.from_plain(data["reading"]) if data["reading"] is not None else Reading(pixels="unknown")
        training, weight = self.training, self.classifier.weight
        found: list[Prediction] = []
        self.eval()
        try:
            with torch.no_grad(), precision(weight.device):
                for batch in batches(items, reading, self.config.input_shape):
                    logits = self(self.preprocess(batch.to(weight.device)).to(weight.dtype))
                    found += predictions(logits, names)
        finally:
            self.train(training)
        return found[0] if alone else found

    def preprocess(self, images: Tensor) -> Tensor:
        """Return raw images (n, c, h, w), with pixels as in the data it was trained on, normalised for the network.

        Raises:
            ValueError: for another number of colours, or if the network was trained on nothing.
        """
        colours = self.config.input_shape[0]
        if images.ndim != 4 or images.shape[1] != colours:
            raise ValueError(f"images: expected (n, {colours}, h, w), got {tuple(images.shape)}")
        mean, std = (values[:, None, None].to(images.device) for values in normalisation(self.card))
        return (images.float() - mean) / std


def normalisation(card: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
    """Return mean and deviation of each colour, (c,) each, of the data that a card tells of.

    Raises:
        ValueError: if it tells of none.
    """
    data = card["data"]
    if data is None:
        raise ValueError("data: expected a network that was trained on some, got one without mean and deviation")
    mean, std = (torch.tensor(data[name], dtype=torch.float32) for name in ("mean", "std"))
    return mean, std
