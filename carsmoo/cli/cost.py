"""``carsmoo cost`` and ``carsmoo zoo``: what genotypes cost, and what is published of them."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from carsmoo import cost as costs
from carsmoo.cli.common import Space, genotype_of, show
from carsmoo.cli.own_space import space_at
from carsmoo.cli.tables import table_of
from carsmoo.config.network import NetworkConfig
from carsmoo.space.architecture import Architecture
from carsmoo.zoo import GENOTYPES, PUBLISHED


def cost(
    genotype: Annotated[str, typer.Argument(metavar="NAME|GENOTYPE", help="A published name, or a genotype's text.")],
    channels: Annotated[int | None, typer.Option(help="Channels of the first cell instead of the usual ones.")] = None,
    layers: Annotated[int | None, typer.Option(help="Cells instead of the usual number.")] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Build the networks and count with fvcore too.")] = False,
    space: Space = None,
) -> None:
    """Print the parameters and multiply-adds of a genotype on CIFAR-10 and on ImageNet."""
    found, published = genotype_of(genotype, space_at(space)), PUBLISHED.get(genotype)
    fields = {name: value for name, value in (("channels", channels), ("layers", layers)) if value is not None}
    heads = ("network", "image", "params (M)", "multiply-adds (M)", "published params (M)")
    table = Table(*heads if published else heads[:-1], box=None)
    lines = []
    for name, network in (("cifar10", NetworkConfig.cifar(**fields)), ("imagenet", NetworkConfig.imagenet(**fields))):
        params, flops = costs.cost(found, network)
        row = [f"{name}, {found.depth_in_words(network)}", "x".join(map(str, network.input_shape))]
        row += [f"{params / 1e6:.3f}", f"{flops / 1e6:.1f}"]
        said = getattr(published, f"{name}_params", None)
        table.add_row(*row, *(["-" if said is None or fields else f"{said:.1f}"] if published else []))
        if verify:
            lines.append(_verified(name, found, network, params, flops))
    show(table)
    for line in lines:
        print(line)


def zoo() -> None:
    """Print the published genotypes: figures of their papers, and parameters and multiply-adds as counted here."""
    heads = ["name", "cifar10\nerror (%)", "params (M)\npublished", "\ncounted", "imagenet\ntop-1 (%)"]
    heads += ["params (M)\npublished", "\ncounted", "multiply-adds (M)\npublished", "\ncounted", "latency\n(ms)"]
    table = table_of(heads, left=("name",))
    for name, genotype in GENOTYPES.items():
        said = PUBLISHED[name]
        small, large = (costs.cost(genotype, config) for config in (NetworkConfig.cifar(), NetworkConfig.imagenet()))
        row = [name, _printed(said.cifar10_error), _printed(said.cifar10_params), f"{small.params / 1e6:.2f}"]
        row += [_printed(said.imagenet_top1), _printed(said.imagenet_params), f"{large.params / 1e6:.2f}"]
        row += [_printed(said.imagenet_flops), f"{large.flops / 1e6:.0f}", _printed(said.latency_ms)]
        table.add_row(*row)
    show(table, 110)
    print("published: as printed in the papers, - where nothing is; latency on a Huawei P30 Pro")
    print("counted: 36 channels, 20 cells at 32 px; 48 channels, 14 cells at 224 px; convolutions and classifier alone")


def _printed(figure: float | None) -> str:
    return "-" if figure is None else f"{figure:g}"


def _verified(name: str, genotype: Architecture, network: NetworkConfig, params: int, flops: int) -> str:
    """Count a built network, and its multiply-adds with fvcore, and say whether they are those of the closed form."""
    from carsmoo.nets.models.fvcore_count import count

    built, counted = count(genotype, network)
    if (built, counted) != (params, flops):
        raise ValueError(f"{name}: expected {params} params, {flops} multiply-adds, got {built} built, {counted} run")
    return f"{name}: built network {built:,} parameters, fvcore {counted:,} multiply-adds: equal to the closed form"
