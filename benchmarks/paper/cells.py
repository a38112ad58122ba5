"""Searched blocks: parameters per normal and reduction cell of CARS-H, DARTS-V2 and what is found here.

The paper (on its Figure 5): CARS-H has more parameters than DARTS in the reduction block and fewer in the normal one.
Parameters are counted in the built network of the full training on CIFAR-10 (36 channels, 20 cells), means over the
cells of a kind, input layers included. Found here: the network of lowest supernet error of each front, and random
architectures for comparison. Figures (thousands, medians over seeds for what is found):

- ``normal_*``, ``reduce_*``: parameters of a cell; ``share_reduce_*``: of all cells' parameters in reduction cells.

    python -m benchmarks.paper.cells
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from matplotlib.figure import Figure

from benchmarks.paper.experiment import Experiment, Result, main
from benchmarks.paper.looks import SHADES, finish
from benchmarks.paper.searches import search, small_search
from benchmarks.paper.statistics import rounded
from benchmarks.parallel import in_parallel
from carsmoo.config.network import NetworkConfig
from carsmoo.config.search import SearchConfig
from carsmoo.nets.models.network import Network
from carsmoo.plots.cells import plot_cell
from carsmoo.space.genotype import Genotype
from carsmoo.zoo import GENOTYPES

PUBLISHED = ("CARS-H", "DARTS-V2")


@dataclass(frozen=True, kw_only=True)
class Preset:
    """Settings.

    Args:
        search: the search, but its seed.
        network: that cells are counted in.
        random: random architectures that are counted too.
        seeds: searches.
        jobs: processes.
    """

    search: SearchConfig = field(default_factory=small_search)
    network: NetworkConfig = field(default_factory=NetworkConfig.cifar)
    random: int = 50
    seeds: int = 2
    jobs: int = 2


PRESETS = {
    "cores2": Preset(),
    "paper": Preset(search=SearchConfig.preset("cifar10-paper"), random=200, seeds=3, jobs=1),
}


def cell_params(genotype: Genotype, network: NetworkConfig) -> list[tuple[bool, int]]:
    """Return for each cell of the built network whether it reduces and how many parameters it has."""
    with torch.device("meta"):
        made = Network(genotype, network)
    return [
        (network.reduces(k), sum(parameter.numel() for parameter in cell.parameters()))
        for k, cell in enumerate(made.cells)
    ]


def counted(genotype: Genotype, network: NetworkConfig) -> list[float]:
    """Return mean parameters (thousands) of a normal and of a reduction cell, and the share in reduction cells."""
    cells = cell_params(genotype, network)
    by_kind = [[n for reduces, n in cells if reduces is kind] for kind in (False, True)]
    means = [float(np.mean(sizes)) / 1000 for sizes in by_kind]
    return [*means, sum(by_kind[1]) / max(sum(n for _, n in cells), 1)]


def best_of(preset: Preset, seed: int) -> tuple[str, float]:
    """Search, and return the network of lowest supernet error as text, with that error."""
    front = search(dataclasses.replace(preset.search, seed=seed)).front
    k = front.best()
    return front.genotypes[k].to_json(), float(front.column("error")[k])


def measure(preset: Preset) -> Result:
    """Search with all seeds, and count all cells."""
    found = in_parallel(best_of, [(preset, seed) for seed in range(preset.seeds)], preset.jobs)
    texts = [text for text, _ in found]
    space, random_state = preset.search.space, np.random.default_rng(0)
    drawn = space.decode(random_state.integers(space.xl, space.xu + 1, size=(preset.random, space.n_var)))
    genotypes = {name: GENOTYPES[name] for name in PUBLISHED}
    return {
        "images": preset.search.data,
        "published": {name: rounded(counted(one, preset.network)) for name, one in genotypes.items()},
        "found": [rounded(counted(Genotype.from_json(text), preset.network)) for text in texts],
        "found_genotypes": texts,
        "found_errors": rounded([error for _, error in found]),
        "random": [rounded(counted(one, preset.network)) for one in drawn],
    }


def rows(data: Result) -> dict[str, np.ndarray]:
    """Return parameters of a normal and a reduction cell and the share of the latter, (n, 3), by name."""
    return {
        **{name: np.array([values]) for name, values in data["published"].items()},
        "found": np.array(data["found"]),
        "random": np.array(data["random"]),
    }


def figures(data: Result) -> dict[str, float]:
    """Return the figures of the result line."""
    made: dict[str, float] = {"n": len(data["found"])}
    for name, values in rows(data).items():
        keys = (f"normal_{name}", f"reduce_{name}", f"share_reduce_{name}")
        made |= dict(zip(keys, np.median(values, axis=0).tolist(), strict=True))
    return made


def lines(data: Result) -> Iterator[str]:
    """Yield a row for each network."""
    found, drawn = len(data["found"]), len(data["random"])
    yield f"{found} found on {data['images']}, {drawn} random; medians, thousands of parameters"
    yield f"{'':<10}{'normal cell':>12}{'reduction cell':>16}{'ratio':>7}{'share in reduction':>20}"
    for name, values in rows(data).items():
        normal, reduce, share = np.median(values, axis=0)
        yield f"{name:<10}{normal:>12.1f}{reduce:>16.1f}{reduce / normal:>7.2f}{share:>20.1%}"


def draw(data: Result) -> Figure:
    """Draw the cells of three networks side by side, over their parameters."""
    figure = Figure(figsize=(21, 11), layout="constrained")
    grid = figure.add_gridspec(3, 3, height_ratios=(1.25, 1.25, 0.9))
    genotypes = [
        *((name, GENOTYPES[name]) for name in PUBLISHED),
        ("found here", Genotype.from_json(data["found_genotypes"][0])),
    ]
    counts = [*(data["published"][name] for name in PUBLISHED), data["found"][0]]
    for k, ((name, genotype), (normal, reduce, _)) in enumerate(zip(genotypes, counts, strict=True)):
        for row, (kind, edges, concat, size) in enumerate(
            (
                ("normal", genotype.normal, genotype.normal_concat, normal),
                ("reduction", genotype.reduce, genotype.reduce_concat, reduce),
            )
        ):
            title = f"{name}: {kind} cell, {size:.0f}k parameters"
            plot_cell(edges, concat, title=title, ax=figure.add_subplot(grid[row, k]))
    everyone = rows(data)
    for k, kind in enumerate(("normal cell", "reduction cell", "share in reduction cells")):
        ax = figure.add_subplot(grid[2, k])
        for y, (_, values) in enumerate(everyone.items()):
            shade = (*SHADES[::-1], "#9a9a9a")[y]
            ax.barh(y, np.median(values[:, k]), color=shade, height=0.55, alpha=0.85)
            if len(values) > 1:
                ax.scatter(values[:, k], np.full(len(values), y), s=7, color="#1a1a1a", zorder=3, linewidth=0)
        ax.set_yticks(
            range(len(everyone)), [f"found (n = {len(data['found'])})" if n == "found" else n for n in everyone]
        )
        ax.invert_yaxis()
        finish(ax, "parameters of a cell (thousands)" if k < 2 else "share", "", kind)
    return figure


EXPERIMENT = Experiment(
    name="cells",
    about="Searched blocks: parameters per normal and reduction cell.",
    presets=PRESETS,
    measure=measure,
    figures=figures,
    lines=lines,
    draw=draw,
)

if __name__ == "__main__":
    main(EXPERIMENT)
