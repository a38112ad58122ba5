"""``carsmoo export``: a network as a file that other programs run."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from carsmoo.cli.common import Space, path_or_genotype
from carsmoo.cli.own_space import ops_of, space_at
from carsmoo.config.network import NetworkConfig
from carsmoo.runs.directory import CONFIG, FRONT, RunDirectory
from carsmoo.runs.retrained_front import restored, trained_folder
from carsmoo.space.architecture import Architecture
from carsmoo.space.search_space import SearchSpace
from carsmoo.space.words import count
from carsmoo.utils.files import write_whole
from carsmoo.utils.progress import Listener, ProgressBars, Step

if TYPE_CHECKING:
    from carsmoo.runs.export import Source

NAME = "network"
"""Of the files, before the ending."""


class Format(str, Enum):
    """Formats of an export."""

    onnx = "onnx"
    torch = "torch"
    safetensors = "safetensors"


class Shape(str, Enum):
    """Networks that a genotype alone is built into."""

    cifar = "cifar"
    imagenet = "imagenet"


def export(
    source: Annotated[
        str, typer.Argument(metavar="DIR|GENOTYPE", help="A trained network's folder, a run, or a genotype.")
    ],
    out: Annotated[Path, typer.Option(help="Directory for the files; new or empty.")],
    formats: Annotated[
        list[Format] | None, typer.Option("--format", help="A format; may be given again. All if not given.")
    ] = None,
    number: Annotated[
        int | None, typer.Option("--network", help="Of a run: which network of its front, from 1. Default: the best.")
    ] = None,
    supernet: Annotated[
        bool, typer.Option("--supernet", help="Of a run: with the supernet's weights, even if it was trained alone.")
    ] = False,
    raw: Annotated[bool, typer.Option("--raw", help="ONNX and torch take raw pixels and normalise them.")] = False,
    shape: Annotated[Shape, typer.Option(help="Of a genotype: the network it is built into.")] = Shape.cifar,
    channels: Annotated[int | None, typer.Option(help="Of a genotype: channels of the first cell.")] = None,
    layers: Annotated[int | None, typer.Option(help="Of a genotype: cells.")] = None,
    classes: Annotated[int | None, typer.Option(help="Of a genotype: classes.")] = None,
    seed: Annotated[int, typer.Option(help="Of a genotype: of its random weights.", min=0, max=(1 << 63) - 1)] = 0,
    space: Space = None,
) -> None:
    """Write a network as ONNX, torch.export and safetensors, with a card; each is compared with the network."""
    _require_empty(out)
    fields = {"channels": channels, "layers": layers, "n_classes": classes}
    given = {name: value for name, value in fields.items() if value is not None}
    found = _source(source, number, supernet, shape, given, seed, space_at(space))
    with closing(ProgressBars()) as bars:
        lines = _write(found, out, formats or list(Format), raw, bars)
    for line in lines:
        print(line)


def _require_empty(out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise FileExistsError(f"out: expected a new or empty directory, got {out}")


def _source(
    source: str,
    number: int | None,
    supernet: bool,
    shape: Shape,
    fields: dict[str, int],
    seed: int,
    space: SearchSpace | None,
) -> Source:
    found, ops = path_or_genotype(source, space), ops_of(space)
    run = isinstance(found, Path) and any((found / name).is_file() for name in (CONFIG, f"{FRONT}.json"))
    if number is not None and not run:
        raise ValueError(f"network: expected none but for the directory of a run, got {number}")
    if supernet and not run:
        raise ValueError("supernet: expected it for the directory of a run only, got it for another source")
    if isinstance(found, Architecture):
        config = getattr(NetworkConfig, shape.value)(**fields)
        from carsmoo.runs.export import of_genotype

        return of_genotype(found, config, seed)
    if fields:
        raise ValueError(f"{next(iter(fields))}: expected none but for a genotype, got {next(iter(fields.values()))}")
    from carsmoo.runs.export import of_run, of_trained

    if not run:
        return of_trained(found, ops)
    directory = RunDirectory(found, ops)
    front = directory.read_front()
    trained = None if supernet else trained_folder(directory, number)
    if trained is not None:
        config = directory.config()
        return of_trained(trained, ops, None if config is None else config.data)
    return of_run(restored(directory)[0], front, number)


def _write(source: Source, out: Path, formats: Sequence[Format], raw: bool, listener: Listener) -> list[str]:
    """Write the files once all of them are made and compared; return what to say of them."""
    import torch

    from carsmoo.nets.models import export as exports
    from carsmoo.nets.models.carded import normalisation
    from carsmoo.nets.models.model_card import to_json
    from carsmoo.nets.models.serialization import CARD, card_of, load, save

    if Format.onnx in formats:
        exports.require_onnx()
    card = card_of(source.network, source.told, NAME)
    ready = exports.ready(source.network, card, raw=raw)
    mean, std = (0.0, 1.0) if card["data"] is None else (v[:, None, None] for v in normalisation(card))
    generator, shape = torch.Generator().manual_seed(0), source.network.config.input_shape
    noise = [torch.randn(n, *shape, generator=generator, dtype=torch.float32) for n in (1, 5)]
    images, on = [x * std + mean for x in noise] if raw else noise, f"{sum(map(len, noise))} random images"
    if source.images is not None:
        images = [*images, source.images if raw else (source.images - mean) / std]
    on += "; no real ones at hand" if source.images is None else f" and {len(source.images)} real ones"
    made, lines = {}, []
    steps = (Step(phase="export", done=k, total=len(formats), unit="formats") for k in range(len(formats) + 1))
    listener(next(steps))
    for name, ending, make in (("onnx", "onnx", exports.to_onnx), ("torch", "pt2", exports.to_torch)):
        if name in formats:
            made[ending] = make(ready, card, images)
            size, off = len(made[ending].content) / 1e6, made[ending].difference
            lines.append(f"{out / NAME}.{ending}: {size:.2f} MB; logits differ by at most {off:.2g} on {on}")
            listener(next(steps))
    _require_empty(out)  # still
    out.mkdir(parents=True, exist_ok=True)
    for ending, file in made.items():
        write_whole(out / f"{NAME}.{ending}", file.content)
    if Format.safetensors in formats:
        save(source.network, out, source.told, NAME)
        file = out / card["file"]
        with torch.no_grad():
            off = float(
                (load(file, source.network.genotype.vocabulary)(noise[0]) - source.network.cpu().eval()(noise[0]))
                .abs()
                .max()
            )
        lines.append(f"{file}: {file.stat().st_size / 1e6:.2f} MB; logits differ by at most {off:.2g} once loaded")
        listener(next(steps))
    else:
        write_whole(out / CARD, to_json(card).encode())
    accuracy = "".join(
        f"; error {a['error']:.1%} on {a['split']} ({a['weights']} weights, epoch {a['epoch']})"
        for a in card["accuracy"]
    )
    costs = card["costs"]
    weights = source.told["recipe"].get("weights", "trained")
    what = f"{count(costs['params'])} parameters, {count(costs['flops'])} multiply-adds; weights {weights}"
    return [*lines, f"{out / CARD}: {what}{accuracy}"]
