"""Networks in files: weights as safetensors, and beside and in them a card of plain JSON. Nothing in a file is run."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors import torch as safetensors
from torch import Tensor

from carsmoo import cost
from carsmoo.config.network import NetworkConfig
from carsmoo.nets.models import model_card as cards
from carsmoo.nets.models.base import ArchitectureNetwork
from carsmoo.nets.models.carded import CardedNetwork
from carsmoo.nets.models.graph_network import GraphNetwork
from carsmoo.nets.models.network import Network
from carsmoo.space.architecture import Architecture, SpaceArchitecture, Vocabulary
from carsmoo.space.genotype import PRIMITIVES, Genotype
from carsmoo.utils.files import write_whole
from carsmoo.utils.owned import require_own
from carsmoo.utils.validation import instance, shown

CARD = "network.json"
"""Name of the card beside the weights."""

_KEY = "carsmoo"  # of the card in the weights' file
_AUXILIARY = "auxiliary."
_DTYPES = {torch.float32: "F32", torch.int64: "I64"}


class SavedNetwork(CardedNetwork, Network):
    """A network of DARTS's cells with its card, as :func:`load` returns it, in evaluation mode.

    Args:
        genotype: its cells.
        network: its shape.
        card: see ``carsmoo.nets.models.model_card``.
    """


class SavedGraphNetwork(CardedNetwork, GraphNetwork):
    """A network of another space with its card, as :func:`load` returns it, in evaluation mode.

    Args:
        genotype: its architecture.
        network: its shape.
        card: see ``carsmoo.nets.models.model_card``.
    """


def _carded(genotype: Architecture, network: NetworkConfig, card: Mapping[str, Any]) -> CardedNetwork:
    """Return a network with a card, of the class that its architecture has."""
    if isinstance(genotype, Genotype):
        return SavedNetwork(genotype, network, card)
    if isinstance(genotype, SpaceArchitecture):
        return SavedGraphNetwork(genotype, network, card)
    raise TypeError(f"genotype: expected a Genotype or an architecture of a SearchSpace, got {type(genotype).__name__}")


def card_of(network: ArchitectureNetwork, card: Mapping[str, Any], name: str) -> dict[str, Any]:
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
    return cards.checked(json.loads(cards.to_json(whole)), ops=network.genotype.vocabulary)


def with_card(network: ArchitectureNetwork, card: Mapping[str, Any]) -> CardedNetwork:
    """Return a copy of a network as :func:`load` gives it once it is saved with a card, but on the same device."""
    whole = card_of(network, card, "best")
    with torch.device("meta"):  # nothing is drawn from torch's global generator
        saved = _carded(network.genotype, cards.network_of(whole), whole)
    saved.load_state_dict({key: value.detach().clone() for key, value in _state(network).items()}, assign=True)
    return saved.eval()


def save(network: ArchitectureNetwork, folder: str | Path, card: Mapping[str, Any], name: str = "best") -> None:
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
    instance("network", network, ArchitectureNetwork)
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


def load(path: str | Path, ops: Vocabulary = PRIMITIVES) -> CardedNetwork:
    """Return the network that :func:`save` wrote, in evaluation mode on the CPU, in float32.

    The files hold text and numbers; nothing in them is run. A weights' file that carries its own card is taken at its
    word, one without needs the card beside it.

    Args:
        path: a folder with ``network.json``, that file, or a ``.safetensors`` file.
        ops: operations that the network may have, such as ``space.ops`` of a space with those of one's own, or the
            space.

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
def _load(path: Path, beside: dict[str, Any] | None, ops: Vocabulary) -> CardedNetwork:
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
    path: Path, card: dict[str, Any], held: Mapping[str, tuple[str, tuple[int, ...]]], ops: Vocabulary
) -> CardedNetwork:
    """Return the network of a card without memory for its weights, once it is known that those held are its own."""
    statistics = (".running_mean", ".running_var", ".num_batches_tracked")
    params = sum(math.prod(shape) for key, (_, shape) in held.items() if not key.endswith(statistics))
    if params != card["costs"]["params"]:  # before anything of an absurd size is built
        raise ValueError(f"{path}: expected {card['costs']['params']} parameters as in the card, got {params}")
    with torch.device("meta"):  # nothing is drawn from torch's global generator
        network = _carded(cards.genotype_of(card, ops), cards.network_of(card), card).float()
    expected = {key: (_DTYPES[value.dtype], tuple(value.shape)) for key, value in network.state_dict().items()}
    for key in (*expected, *held):
        if held.get(key) != expected.get(key):
            raise ValueError(f"{path}: {shown(key)}: expected {_told(expected.get(key))}, got {_told(held.get(key))}")
    return network


def _read_card(path: Path, ops: Vocabulary) -> dict[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(f"network: expected a card in {path}, got no such file")
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: expected a card as JSON, got {error}") from None
    return cards.from_json(text, str(path), ops)


def _state(network: ArchitectureNetwork) -> dict[str, Tensor]:
    return {key: value for key, value in network.state_dict().items() if not key.startswith(_AUXILIARY)}


def _require_finite(what: str, value: Tensor) -> None:
    if not torch.isfinite(value).all():
        raise ValueError(f"{what}: expected finite numbers, got NaN or infinity")


def _told(tensor: tuple[str, tuple[int, ...]] | None) -> str:
    return "no such tensor" if tensor is None else f"{tensor[0]} {tensor[1]}"
