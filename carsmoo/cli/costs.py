"""``carsmoo cost``: what a genotype costs."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from carsmoo import cost as costs
from carsmoo.cli.saying import genotype_of, say
from carsmoo.config import NetworkConfig
from carsmoo.genotype import Genotype
from carsmoo.zoo import PUBLISHED


def cost(
    genotype: Annotated[str, typer.Argument(metavar="NAME|GENOTYPE", help="A published name, or a genotype's text.")],
    channels: Annotated[int | None, typer.Option(help="Channels of the first cell instead of the usual ones.")] = None,
    layers: Annotated[int | None, typer.Option(help="Cells instead of the usual number.")] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Build the networks and count with fvcore too.")] = False,
) -> None:
    """Print the parameters and multiply-adds of a genotype on CIFAR-10 and on ImageNet."""
    found = genotype_of(genotype)
    fields = {name: value for name, value in (("channels", channels), ("layers", layers)) if value is not None}
    table = Table("network", "image", "params (M)", "multiply-adds (M)", box=None)
    published = PUBLISHED.get(genotype)
    if published is not None:
        table.add_column("published params (M)")
    lines = []
    for name, network in (("cifar10", NetworkConfig.cifar(**fields)), ("imagenet", NetworkConfig.imagenet(**fields))):
        params, flops = costs.cost(found, network)
        row = [f"{name}, {network.layers} cells of {network.channels}", "x".join(map(str, network.image_shape))]
        row += [f"{params / 1e6:.3f}", f"{flops / 1e6:.1f}"]
        if published is not None:
            said = getattr(published, f"{name}_params")
            row.append("-" if said is None or fields else f"{said:.1f}")
        table.add_row(*row)
        if verify:
            lines.append(_verified(name, found, network, params, flops))
    Console().print(table)
    for line in lines:
        say(line)


def _verified(name: str, genotype: Genotype, network: NetworkConfig, params: int, flops: int) -> str:
    """Count a built network, and its multiply-adds with fvcore, and say whether they are those of the closed form."""
    from carsmoo.nets.counting import count

    built, counted = count(genotype, network)
    if (built, counted) != (params, flops):
        raise ValueError(f"{name}: expected {params} params, {flops} multiply-adds, got {built} built, {counted} run")
    return f"{name}: built network {built:,} parameters, fvcore {counted:,} multiply-adds: equal to the closed form"
