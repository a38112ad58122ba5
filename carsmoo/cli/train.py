"""``carsmoo train`` and ``fidelity``."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from carsmoo.cli.common import Config, Inexact, Space, path_or_genotype, run_at, saying, show, together
from carsmoo.cli.own_space import ops_of, space_at
from carsmoo.cli.progress import Json, Quiet, Telling, progress_lines
from carsmoo.cli.tables import trained_table
from carsmoo.compare.statistics import Correlation
from carsmoo.config.network import NetworkConfig
from carsmoo.config.retraining import TrainingRecipe
from carsmoo.config.toml import parse_settings, read_toml
from carsmoo.runs import network_folders, retrained_front, training_budget
from carsmoo.runs.directory import RunDirectory
from carsmoo.runs.signals import InterruptedRunError, handled
from carsmoo.space.architecture import Architecture
from carsmoo.space.words import SCORES, count, counted
from carsmoo.utils.correlation import too_few
from carsmoo.utils.launch import Launch
from carsmoo.utils.progress import Listener, ProgressBars, Step
from carsmoo.utils.time_left import NetworksEstimate

if TYPE_CHECKING:
    from carsmoo.nets.distributed.group import Group

Data = Annotated[str | None, typer.Option(help="Images, as search names them; the run's, or digits for a genotype.")]
Recipe = Annotated[str, typer.Option(help="How to train: quick, clutter, cifar, imagenet.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", help="One setting of the recipe, such as epochs=100; last word over all.")
]
NetworkShape = Annotated[str | None, typer.Option(metavar="CHANNELS/LAYERS", help="Width and depth, such as 36/20.")]
Jobs = Annotated[int | None, typer.Option("--jobs", help="Networks trained at a time; they share the threads.", min=1)]
Inherit = Annotated[bool, typer.Option("--inherit", help="Start from the search's weights, in its shape.")]


def train(
    what: Annotated[str, typer.Argument(metavar="RUN|GENOTYPE", help="A run's directory, a published name or a text.")],
    data: Data = None,
    recipe: Recipe = "quick",
    config: Config = None,
    settings: Settings = None,
    network: NetworkShape = None,
    only: Annotated[
        list[int] | None, typer.Option("--only", help="Number of one of the front's networks, from 1.", min=1)
    ] = None,
    top: Annotated[
        int | None, typer.Option(help="The networks of lowest error, or loss, in the search, so many.", min=1)
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Time for all of a run's networks, such as 10m; the recipe's epochs follow."),
    ] = None,
    jobs: Jobs = None,
    inherit: Inherit = False,
    device: Annotated[str | None, typer.Option(help="Where to compute.")] = None,
    out: Annotated[Path | None, typer.Option(help="Directory for the network of a genotype.")] = None,
    space: Space = None,
    inexact: Inexact = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Train the networks of a run's front alone, or the network of one genotype, and keep their weights.

    The network of lowest error, or loss, in the search goes first, the others follow in the front's order.
    """
    _require_one(jobs)
    telling = Telling.of(quiet, as_json)
    plan = TrainingRecipe.preset(recipe)
    changes = _changes(config, settings, network)
    if budget is not None and "epochs" in changes:
        raise ValueError(f"budget: expected no epochs beside it, which it plans, got {changes['epochs']}")
    own_space = space_at(space)
    found = path_or_genotype(what, own_space)
    if isinstance(found, Architecture):
        if inherit or only or top or budget:
            told = "--inherit, --only, --top and --budget"
            raise ValueError(f"train: expected a run's directory for {told}, got {what!r}")
        _train_one(found, plan.updated(changes), data or "digits", device, out, inexact, telling)
        return
    if out is not None:
        raise ValueError("out: expected none for a run, whose networks go to its directory")
    if not found.is_dir():
        raise NotADirectoryError(f"run: expected a directory or a genotype, got the file {what}")
    run = RunDirectory(found, ops_of(own_space))
    front, searched = run.read_front(), retrained_front.config_of_run(run)
    if front.score not in SCORES:
        raise ValueError(f"run: expected a front with errors or losses, got {', '.join(front.names)}")
    chosen, where = _chosen(front, only, top), device or searched.device
    retrained_front.require_results(run)
    options: dict[str, Any]
    with _training(where, chosen, telling) as (group, tell, listener):
        problem = retrained_front.restored(run)[0] if inherit else None
        plan = _shaped(plan, searched.network, whole=inherit or budget is not None).updated(changes)
        if budget is not None:
            options = {"data": data or searched.data, "device": where, "group": group}
            chosen[:], plan = training_budget.planned(run, budget, front.genotypes, chosen, plan, **options)
        options = {"device": where, "exact": not inexact, "searched": problem}
        folder = run.path / network_folders.NETWORKS
        trainings = retrained_front.jobs_for(front.genotypes, folder, plan, data or searched.data, **options)
        if telling is Telling.USUAL:
            tell(_headline(plan, [front.genotypes[k] for k in chosen], data or searched.data))
        cards = retrained_front.train_jobs([trainings[k] for k in chosen], jobs, listener, group)
    if not group.is_main:
        return
    every = retrained_front.finished_cards(trainings) | dict(zip(chosen, cards, strict=True))
    trained, correlation = retrained_front.write_final_front(run, front, every)
    show(trained_table(trained), 120)
    print(_best(trained))
    searched_by = {"error": "errors", "loss": "losses"}[front.score]
    told = f"Kendall's tau of the search's {searched_by} and the errors trained alone: {correlation}"
    print(told if correlation.tells else too_few(correlation.n))
    networks, name = run.path / network_folders.NETWORKS, retrained_front.FINAL
    print(f"networks are in {networks}, the final front in {run.path}: {name}.csv, .json, .png")


def fidelity(
    run_dir: Annotated[Path, typer.Argument(metavar="RUN", help="Directory of a run.")],
    networks: Annotated[int, typer.Option(help="How many to train, spread over the sizes.", min=2)] = 8,
    source: Annotated[str, typer.Option("--from", help="Where they come from: population or front.")] = "population",
    data: Data = None,
    recipe: Recipe = "quick",
    config: Config = None,
    settings: Settings = None,
    network: NetworkShape = None,
    jobs: Jobs = None,
    space: Space = None,
    inexact: Inexact = False,
) -> None:
    """Train networks of a run alone and tell how well the supernet ordered them, by Kendall's tau."""
    from carsmoo.runs.rank_correlation import NAMES
    from carsmoo.runs.rank_correlation import fidelity as measure

    _require_one(jobs)
    if source not in ("population", "front"):
        raise ValueError(f"from: expected population or front, got {source!r}")
    plan = TrainingRecipe.preset(recipe).updated(_changes(config, settings, network))
    run = run_at(run_dir, space)
    options: dict[str, Any] = {"source": source, "data": data, "processes": jobs, "exact": not inexact}
    with _training(None, range(networks)) as (group, _, listener):
        result = measure(run, networks, plan, **options, listener=listener, group=group)
    if not group.is_main:
        return
    kendall = result["supernet"]["kendall"]
    found = {name: Correlation(**kendall[kind]) for kind, name in NAMES.items() if kind in kendall}
    found["more parameters first, without a search"] = Correlation(**result["params"]["kendall"])
    told = [f"Kendall's tau, {name}: {one.in_full}" for name, one in found.items() if one.tells]
    print("\n".join(told) or too_few(networks))
    print(f"results are in {run.path}: fidelity.json, fidelity.png, fidelity.pdf")


def _shaped(recipe: TrainingRecipe, searched: NetworkConfig, *, whole: bool) -> TrainingRecipe:
    """Return a recipe for a search's networks: of their width, depth and stem, or only of a stem for photographs."""
    shape = {"channels": searched.channels, "layers": searched.layers, "stem": searched.stem}
    if whole:
        return recipe.updated(shape)
    return recipe.updated({"stem": searched.stem}) if searched.stem == "imagenet" else recipe


def _train_one(
    genotype: Architecture,
    recipe: TrainingRecipe,
    data: str,
    device: str | None,
    out: Path | None,
    inexact: bool,
    telling: Telling,
) -> None:
    """Train the network of one genotype in a directory."""
    if out is None:
        raise ValueError("out: expected a directory for the network of a genotype, got none")
    from carsmoo.nets.retraining.job import Job
    from carsmoo.nets.retraining.parallel import train_each

    if out.exists() and not out.is_dir():
        raise FileExistsError(f"out: expected a directory, got the file {out}")
    if out.is_symlink():
        out = out.resolve()  # the user's own, where no link within it is followed
    job = Job(folder=out, genotype=genotype, recipe=recipe, data=data, device=device, exact=not inexact)
    with _training(device, range(1), telling) as (group, tell, listener):
        if telling is Telling.USUAL:
            tell(_headline(recipe, [genotype], data))
        train_each([job], 1, listener, group)
    tell(f"results are in {out}: network.json, best.safetensors, last.safetensors, log.jsonl")


def _changes(config: Path | None, settings: list[str] | None, network: str | None) -> dict[str, Any]:
    """Return the settings that a file, ``--network`` and ``--set`` change, the last ones over the first."""
    changes = {} if config is None else read_toml(config)
    if network is not None:
        channels, found, layers = network.partition("/")
        if not found or not channels.isdecimal() or not layers.isdecimal():
            raise ValueError(f"network: expected CHANNELS/LAYERS such as 36/20, got {network!r}")
        changes |= {"channels": int(channels), "layers": int(layers)}
    return {**changes, **parse_settings(settings or [])}


def _chosen(front: Any, only: list[int] | None, top: int | None) -> list[int]:
    """Return the places of the networks that a user chose, from 0: the best one of the search, then the others."""
    if only and top:
        raise ValueError("top: expected --only or --top, got both")
    if only:
        for number in only:
            if number > len(front):
                raise ValueError(f"only: expected a network among 1..{len(front)}, got {number}")
    order: list[int] = front.column(front.score).argsort(kind="stable").tolist()
    chosen = {number - 1 for number in only} if only else set(order[: top or len(front)])
    first = min(chosen, key=order.index)
    return [first, *sorted(chosen - {first})]


def _require_one(jobs: int | None) -> None:
    """Check that several ranks are not told to train several networks at a time each."""
    ranks = Launch.here().size
    if ranks > 1 and jobs is not None:
        raise ValueError(
            f"jobs: expected none with {ranks} processes, which train a network at a time each, got {jobs}"
        )


@contextmanager
def _training(
    device: str | None, places: Sequence[int], telling: Telling = Telling.USUAL
) -> Iterator[tuple[Group, Callable[[str], None], Listener]]:
    """Join the processes launched together; the first one tells progress and says a line of each trained network.

    The bars show the epochs of what it trains itself and, as it waits for other ranks, how many networks are done.
    SIGINT and SIGTERM end it at once, with the exit code that a shell expects. The networks' places in the front count
    from 0, in the order in which they are trained.
    """
    from carsmoo.nets.retraining.parallel import NETWORKS

    def leave(signum: int, frame: FrameType | None) -> None:
        raise InterruptedRunError(signum)

    def hear(step: Step) -> None:
        if group.is_main and telling is Telling.USUAL and (step.phase != NETWORKS or group.size > 1):
            bars(_drawn(step, places))
        if lines is not None and (step.phase != NETWORKS or step.total > 1):
            lines(step)
        if step.phase == NETWORKS and step.done:
            with bars.hidden():
                tell(_line(places[step.done - 1] + 1, step.figures))

    with together(device) as group, handled(leave):
        tell = saying(group)
        try:
            estimate = NetworksEstimate(NETWORKS) if group.size == 1 else None  # others train beside those seen here
            with closing(ProgressBars()) as bars, progress_lines(telling, group.is_main, estimate) as lines:
                yield group, tell, hear
        except InterruptedRunError as stop:
            tell("interrupted; the same command goes on from the last whole epoch")
            raise typer.Exit(stop.exit_code) from None


def _drawn(step: Step, places: Sequence[int]) -> Step:
    """Return a step as it is drawn: of an epoch's figures those that tell how the network does, and which it is."""
    if "network" not in step.figures:
        return step
    figures = {"network": places[int(step.figures["network"]) - 1] + 1}
    told = {name: step.figures[name] for name in ("epoch", "loss", "error") if name in step.figures}
    return dataclasses.replace(step, figures=figures | told)


def _headline(recipe: TrainingRecipe, genotypes: Sequence[Architecture], data: str) -> str:
    shape = genotypes[0].depth_in_words(NetworkConfig(channels=recipe.channels, layers=recipe.layers))
    held = f"{recipe.holdout_fraction:.0%} of the training images" if recipe.holdout_fraction else "nothing"
    epochs = counted(recipe.epochs, "epoch")
    return f"{counted(len(genotypes), 'network')} on {data}: {shape}, {epochs}, {held} held out"


def _line(number: int, figures: Mapping[str, float]) -> str:
    from carsmoo.nets.retraining.card import HELD_OUT, TEST

    splits = [split for split in (HELD_OUT, TEST) if split in figures]
    errors = ", ".join(f"{figures[split]:.2%} on {split} (epoch {figures['epoch']})" for split in splits)
    return f"network {number}: {count(figures['params'])} parameters, error {errors}, {figures['seconds']:.0f} s"


def _best(trained: Any) -> str:
    """Return the line of the network that is chosen without the test split, with its test error."""
    places, by = retrained_front.places_of(trained), retrained_front.chosen_by(trained)
    if by is None:
        raise ValueError(f"final front: expected a column to choose by, got {', '.join(trained.names)}")
    chosen, how, values = trained.best(by), retrained_front.CHOSEN_BY[by], trained.column(by)
    others = [f"{place}" for k, place in enumerate(places) if values[k] == values[chosen] and k != chosen]
    tied = f"; the first of those equal by {how}, with network{'s' if len(others) > 1 else ''} {', '.join(others)}"
    told = f"network {places[chosen]}, {trained.column('error')[chosen]:.2%} error on test"
    return f"best network by {how}: {told}{tied if others else ''}"
