"""``carsmoo latency build`` and ``show``: a device's table of measured layers."""

from __future__ import annotations

import dataclasses
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from carsmoo.cli.common import Config, Preset, Settings, Space, genotype_of, preset_of
from carsmoo.cli.common import show as print_table
from carsmoo.cli.own_space import ops_of, space_at
from carsmoo.cli.tables import table_of
from carsmoo.config.network import NetworkConfig
from carsmoo.config.search import SearchConfig
from carsmoo.config.toml import parse_settings
from carsmoo.cost.latency import latency as predicted
from carsmoo.cost.latency_table import FORMATS, LatencyTable
from carsmoo.utils.owned import LATENCY, require_own
from carsmoo.utils.progress import ProgressBars
from carsmoo.utils.validation import choice

latency = typer.Typer(help="Tables of measured layers, from which latencies are predicted.")


@latency.callback(invoke_without_command=True)
def _help(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())


@latency.command()
def build(
    out: Annotated[Path, typer.Option(help="File for the table, JSON.")],
    config: Config = None,
    preset: Preset = "demo",
    network: Annotated[
        str | None, typer.Option(help="A network to train in full instead of a search's: cifar or imagenet.")
    ] = None,
    settings: Settings = None,
    threads: Annotated[int, typer.Option(help="Threads that compute, on a CPU.", min=1, max=1024)] = 1,
    memory_formats: Annotated[
        list[str] | None,
        typer.Option("--memory-format", help=f"Any of {', '.join(FORMATS)}; predictions are for the first."),
    ] = None,
    checked: Annotated[int, typer.Option("--check", help="Whole networks to compare with.", min=2)] = 30,
    space: Space = None,
) -> None:
    """Measure the layers of a search's networks on this device, and compare what they predict with whole networks."""
    plan = preset_of(preset, config, space_at(space))
    if network is not None:
        forms = {"cifar": NetworkConfig.cifar, "imagenet": NetworkConfig.imagenet}
        plan = dataclasses.replace(plan, network=forms[choice("network", network, forms)]())
    plan = plan.updated(parse_settings(settings or []))
    if not out.parent.is_dir() or out.is_dir():
        raise ValueError(f"out: expected a file in a directory that exists, got {out}")
    require_own(out, kind=LATENCY)
    from carsmoo.nets.latency.measure import build as measured

    formats = tuple(memory_formats or FORMATS[:1])
    how: dict[str, Any] = {"device": plan.device, "threads": threads, "memory_formats": formats, "seed": plan.seed}
    with closing(ProgressBars()) as bars:
        table = measured(plan.space, _for_its_data(plan), **how, checked=checked, listener=bars)
    require_own(out, kind=LATENCY)  # still
    table.write(out)
    _tell(table)
    print(f"table of {len(table.layers)} layers in {out}")


@latency.command()
def show(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A table that build made.")],
    genotype: Annotated[
        str | None, typer.Argument(metavar="[NAME|GENOTYPE]", help="A published name, or a genotype's text.")
    ] = None,
    measure: Annotated[bool, typer.Option("--measure", help="Measure the genotype's network here too.")] = False,
    space: Space = None,
) -> None:
    """Print a table, or what it predicts for a genotype in the network that it was built for."""
    if measure and genotype is None:
        raise ValueError("measure: expected a genotype to measure, got none")
    own_space = space_at(space)
    found = None if genotype is None else genotype_of(genotype, own_space)
    table = LatencyTable.read(file, ops_of(own_space))
    if found is None:
        print_table(_rows(table), 100)
        _tell(table)
        return
    print(f"{predicted(found, table.network, table):.4f} ms predicted for {table.where}")
    if measure:
        from carsmoo.nets.latency.measure import network_latency

        (timing,) = network_latency([found], table.network, threads=table.threads, memory_format=table.memory_format)
        print(f"{timing.ms:.4f} ms measured here, quartiles {timing.low:.4f} and {timing.high:.4f}")


def _for_its_data(plan: SearchConfig) -> NetworkConfig:
    """Return the network with its image's shape and classes, which the data tell where the plan does not."""
    if plan.network.image_shape is not None and plan.network.n_classes is not None:
        return plan.network
    from carsmoo.nets.data import load

    data = load(plan.data)
    return plan.network.for_data(data.image_shape, data.classes)


def _rows(table: LatencyTable) -> Table:
    heads = ("layer", "channels", "input", "stride", "memory format", "ms", "quartiles")
    rows = table_of(heads, left=("layer", "memory format"), no_wrap=True)
    for (layer, memory_format), timing in table.layers.items():
        channels, size = f"{layer.c_in} -> {layer.c_out}", f"{layer.height}x{layer.width}"
        quartiles = f"{timing.low:.4f} - {timing.high:.4f}"
        rows.add_row(layer.kind, channels, size, str(layer.stride), memory_format, f"{timing.ms:.4f}", quartiles)
    return rows


def _tell(table: LatencyTable) -> None:
    network = table.network
    shape = "x".join(map(str, network.input_shape))
    print(f"{table.where}; {table.space.depth_in_words(network)} on {shape}")
    print(f"each layer adds {table.between:.4f} ms + {table.scale:.4f} x its time")
    found = table.additivity
    if found is not None:
        print(
            f"against {found.networks} measured networks: Spearman {found.spearman:.4f}, mean error "
            f"{found.mean_error:.1%} (fitted to {found.fitted} others)"
        )
