"""Networks in files: weights as safetensors, and beside and in them a card of plain JSON. Nothing in a file is run."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, overload

import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors import SafetensorError, safe_open
from safetensors import torch as safetensors
from torch import Tensor

from carsmoo import cost
from carsmoo.config.network import NetworkConfig
from carsmoo.nets.data.reading import ImageLike, Reading
from carsmoo.nets.models import model_card as cards
from carsmoo.nets.models.device import precision
from carsmoo.nets.models.network import Network
from carsmoo.nets.models.prediction import Prediction, as_items, batches, predictions
from carsmoo.space.genotype import PRIMITIVES, Genotype
from carsmoo.utils.files import write_whole
from carsmoo.utils.owned import require_own
from carsmoo.utils.validation import instance, shown

CARD = "network.json"
"""Name of the card beside the weights."""

_KEY = "carsmoo"  # of the card in the weights' file
_AUXILIARY = "auxiliary."
_DTYPES = {torch.float32: "F32", torch.int64: "I64"}


class SavedNetwork(Network):
    """A network with its card, as :func:`load` returns it, in evaluation mode.

    Args:
        genotype: its cells.
        network: its shape.
        card: see ``carsmoo.nets.models.model_card``.

    Attributes:
        card: where its weights come from, how good it is, what it costs.
    """

    def __init__(self, genotype: Genotype, network: NetworkConfig, card: Mapping[str, Any]) -> None:
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


def card_of(network: Network, card: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the whole card of a network, of which ``card`` has the fields ``data``, ``recipe`` and ``accuracy``.

    Args:
        network: tells the other fields.
        card: the fields that it cannot tell.
        name: of the file with the weights, without its ending.

    Raises:
        ValueError: for a field that is missing, unknown or unfit.
    """
    told = ("data", "recipe", "accuracy")
    unknown = [key for key in card if key not in told]
    if unknown or len(card) < len(told):
        raise ValueError(f"card: expected the fields {', '.join(told)}, got {shown(list(card))}")
    config = dataclasses.replace(network.config, auxiliary_head=False)
    whole = {
        "format": cards.FORMAT,
        "file": f"{name}.safetensors",
        "genotype": json.loads(network.genotype.to_json()),
        "network": dataclasses.asdict(config),
        **{key: card[key] for key in told},
        "costs": cost.cost(network.genotype, config)._asdict(),
        "versions": {package: version(package) for package in ("carsmoo", "torch", "numpy")},
    }
    return cards.checked(json.loads(cards.to_json(whole)), ops=network.genotype.known_ops)


def with_card(network: Network, card: Mapping[str, Any]) -> SavedNetwork:
    """Return a copy of a network as :func:`load` gives it once it is saved with a card, but on the same device."""
    whole = card_of(network, card, "best")
    with torch.device("meta"):  # nothing is drawn from torch's global generator
        saved = SavedNetwork(network.genotype, cards.network_of(whole), whole)
    saved.load_state_dict({key: value.detach().clone() for key, value in _state(network).items()}, assign=True)
    return saved.eval()


def save(network: Network, folder: str | Path, card: Mapping[str, Any], name: str = "best") -> None:
    """Write a network's weights as ``<name>.safetensors`` and its card as ``network.json``, each whole or not at all.

    The running statistics of batch norm are among the weights, the auxiliary head is not. The card is in the weights'
    file too. ``network.json`` tells of ``best`` once there is one, whatever else is saved beside it.

    Args:
        network: the network.
        folder: where to; made if need be.
        card: the fields ``data``, ``recipe`` and ``accuracy`` of ``carsmoo.nets.models.model_card``.
        name: of the file, without its ending.

    Raises:
        ValueError: for a field of the card that is missing, unknown or unfit, or weights that are not finite.
        FileExistsError: if a file of these names is there that holds something else.
        OSError: if it cannot be written.
    """
    instance("network", network, Network)
    whole = card_of(network, card, name)
    tensors = {key: value.detach().cpu().contiguous() for key, value in _state(network).items()}
    for key, value in tensors.items():
        _require_finite(key, value)
    text = cards.to_json(whole)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    require_own(folder / whole["file"], folder / CARD)
    write_whole(folder / whole["file"], safetensors.save(tensors, {_KEY: text}))
    if name == "best" or not (folder / "best.safetensors").is_file():
        write_whole(folder / CARD, text.encode())


def load(path: str | Path, ops: Sequence[str] = PRIMITIVES) -> SavedNetwork:
    """Return the network that :func:`save` wrote, in evaluation mode on the CPU, in float32.

    The files hold text and numbers; nothing in them is run. A weights' file that carries its own card is taken at its
    word, one without needs the card beside it.

    Args:
        path: a folder with ``network.json``, that file, or a ``.safetensors`` file.
        ops: operations that the network may have, such as ``space.ops`` of a space with those of one's own.

    Raises:
        TypeError: for anything but a path.
        OSError: if a file cannot be read.
        ValueError: if a file is not what :func:`save` writes, naming it, the field, what was expected and what was
            given.

    Example:
        >>> from carsmoo import NetworkConfig, load, zoo
        >>> from carsmoo.nets.models.serialization import save
        >>> network = zoo.network("CARS-I", NetworkConfig.cifar(channels=4, layers=3))
        >>> save(network, "trained", {"data": None, "recipe": {}, "accuracy": []})
        >>> saved = load("trained")
        >>> saved.genotype == network.genotype
        True
    """
    if not isinstance(path, (str, Path)):
        raise TypeError(f"path: expected that of a saved network, got {shown(path)}")
    path = Path(path)
    if path.is_dir():
        path = path / CARD
    if not path.is_file():
        run = path.parent / "networks"
        hint = f"; those of a run are the folders in {run}" if run.is_dir() else ""
        raise FileNotFoundError(f"network: expected a folder with {CARD} or a .safetensors file, got {path}{hint}")
    if path.suffix == ".safetensors":
        return _load(path, None, ops)
    card = _read_card(path, ops)
    return _load(path.with_name(card["file"]), card, ops)


@torch.inference_mode(False)
def _load(path: Path, beside: dict[str, Any] | None, ops: Sequence[str]) -> SavedNetwork:
    if not path.is_file():
        raise FileNotFoundError(f"network: expected the weights in {path}, got no such file")
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(_KEY)
            if text is not None:
                card = cards.from_json(text, str(path), ops)
                if beside is not None and any(card[part] != beside[part] for part in ("genotype", "network")):
                    raise ValueError(f"{path}: expected the network that {CARD} tells of, got another")
            else:
                card = _read_card(path.with_name(CARD), ops) if beside is None else beside
            shapes = {key: file.get_slice(key) for key in file.keys()}  # noqa: SIM118
            held = {key: (part.get_dtype(), tuple(part.get_shape())) for key, part in shapes.items()}
            network = _empty(path, card, held, ops)
            tensors = {key: file.get_tensor(key).clone() for key in held}
    except SafetensorError as error:
        raise ValueError(f"{path}: expected weights as safetensors, got something else ({error})") from None
    for key, value in tensors.items():
        _require_finite(f"{path}: {key}", value)
    network.load_state_dict(tensors, assign=True)
    return network.eval()


def _empty(
    path: Path, card: dict[str, Any], held: Mapping[str, tuple[str, tuple[int, ...]]], ops: Sequence[str]
) -> SavedNetwork:
    """Return the network of a card without memory for its weights, once it is known that those held are its own."""
    statistics = (".running_mean", ".running_var", ".num_batches_tracked")
    params = sum(math.prod(shape) for key, (_, shape) in held.items() if not key.endswith(statistics))
    if params != card["costs"]["params"]:  # before anything of an absurd size is built
        raise ValueError(f"{path}: expected {card['costs']['params']} parameters as in the card, got {params}")
    with torch.device("meta"):  # nothing is drawn from torch's global generator
        network = SavedNetwork(cards.genotype_of(card, ops), cards.network_of(card), card).float()
    expected = {key: (_DTYPES[value.dtype], tuple(value.shape)) for key, value in network.state_dict().items()}
    for key in (*expected, *held):
        if held.get(key) != expected.get(key):
            raise ValueError(f"{path}: {shown(key)}: expected {_told(expected.get(key))}, got {_told(held.get(key))}")
    return network


def _read_card(path: Path, ops: Sequence[str]) -> dict[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(f"network: expected a card in {path}, got no such file")
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: expected a card as JSON, got {error}") from None
    return cards.from_json(text, str(path), ops)


def _state(network: Network) -> dict[str, Tensor]:
    return {key: value for key, value in network.state_dict().items() if not key.startswith(_AUXILIARY)}


def _require_finite(what: str, value: Tensor) -> None:
    if not torch.isfinite(value).all():
        raise ValueError(f"{what}: expected finite numbers, got NaN or infinity")


def _told(tensor: tuple[str, tuple[int, ...]] | None) -> str:
    return "no such tensor" if tensor is None else f"{tensor[0]} {tensor[1]}"
