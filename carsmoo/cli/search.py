"""``carsmoo search``, ``resume`` and ``plot``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from carsmoo.cli.common import Config, Inexact, RunDir, Settings, Space, preset_of, run_at, saying, show, together
from carsmoo.cli.own_space import ops_of, space_at
from carsmoo.cli.progress import Json, Quiet, Telling, progress_lines
from carsmoo.cli.tables import front_table
from carsmoo.config.budget import probed_at_end
from carsmoo.config.search import SearchConfig, Tracker
from carsmoo.config.supernet import AUTO, PLANNED, SupernetTraining
from carsmoo.config.toml import parse_settings, read_toml
from carsmoo.plots.style import require_drawable
from carsmoo.runs.directory import RunDirectory
from carsmoo.runs.figures import draw_cells, draw_run
from carsmoo.runs.session import Session
from carsmoo.runs.signals import InterruptedRunError
from carsmoo.space.front import Front
from carsmoo.space.search_space import SearchSpace
from carsmoo.space.words import counted, provenance, weights_in_words
from carsmoo.utils.launch import Launch
from carsmoo.utils.progress import Step
from carsmoo.utils.time_left import Plan, SearchEstimate
from carsmoo.utils.validation import StoppedError, shown

if TYPE_CHECKING:
    from carsmoo.nets.distributed.group import Group

DATA_HELP = (
    "Images; short for --set data=.... Names: digits, cluttered-digits, mnist, fashion-mnist, cifar10, cifar100, svhn, "
    "imagenet, folder:PATH, npz:PATH. Options: images=N keeps so many; size=HEIGHTxWIDTH scales and crops; "
    "split_seed=N draws other splits; pad=N pixels before a random crop; flip=yes or no; stream=yes or no, for train "
    "alone, leaves images in their files. In quotes: 'folder:photos?size=32x48&images=6000'."
)

Every = Annotated[int, typer.Option("--every", help="Epochs of warm-up or generations between checkpoints.", min=1)]
Log = Annotated[
    list[str] | None,
    typer.Option(
        "--log",
        metavar="|".join(get_args(Tracker)),
        help="Tell a tracker too what is measured; may be given again. It needs the extra of its name.",
    ),
]
TensorBoard = Annotated[bool, typer.Option("--tensorboard", help="Short for --log tensorboard.")]


def search(
    out: Annotated[Path, typer.Option(help="Directory for the run; new or empty.")],
    config: Config = None,
    preset: Annotated[
        str | None,
        typer.Option(
            help="Settings to start from: demo, clutter, cifar10-paper, smoke; without any the plan follows the data."
        ),
    ] = None,
    data: Annotated[str | None, typer.Option(metavar="NAME[:PATH][?OPTION=VALUE&...]", help=DATA_HELP)] = None,
    budget: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Time for the whole search, such as 90s, 10m or 2h, that the plan fits in."),
    ] = None,
    settings: Settings = None,
    space: Space = None,
    every: Every = 1,
    log: Log = None,
    tensorboard: TensorBoard = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Search for networks and write the front, its picture and a log to a directory."""
    from carsmoo.nets.data.spec import absolute

    telling = Telling.of(quiet, as_json)
    own_space = space_at(space)
    plan = _plan(preset, config, data, budget, parse_settings(settings or []), own_space)
    plan = plan.updated({"data": absolute(plan.data)})  # so that the run goes on from any directory
    plan = plan.updated({"log": list(dict.fromkeys((*plan.log, *_trackers(log, tensorboard))))})
    if plan.latency is not None:
        plan = plan.updated({"latency": str(Path(plan.latency).resolve())})
    if not Launch.here().job:
        RunDirectory(out).require_empty()
    with together(plan.device) as group:
        session = _session(out, group, telling, ops=ops_of(own_space), every=every)
        measures = plan.training.budget not in (None, AUTO)
        if measures and telling is Telling.USUAL:
            saying(group)(f"measuring what fits in {plan.training.budget}")
        with progress_lines(telling, group.is_main and measures) as lines:
            if lines is not None:
                lines(Step(phase="measuring", done=0, total=1, unit="plans"))
            session.start_or_resume(plan)
        _search(session, telling)


def resume(
    run_dir: Annotated[Path, typer.Argument(metavar="DIR", help="Directory of a run that was stopped.")],
    generations: Annotated[
        int | None, typer.Option(help="Generations of evolution in all, instead of as many as planned.", min=1)
    ] = None,
    space: Space = None,
    inexact: Inexact = False,
    every: Every = 1,
    log: Log = None,
    tensorboard: TensorBoard = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Go on with a search where it was saved last, with the results of one that was never stopped."""
    telling = Telling.of(quiet, as_json)
    run = run_at(run_dir, space)
    config = run.config()
    with together(None if config is None else config.device) as group:
        session = _session(run_dir, group, telling, ops=run.ops, every=every, log=_trackers(log, tensorboard))
        session.resume(generations, exact=not inexact)
        _search(session, telling)


def plot(run_dir: RunDir, space: Space = None) -> None:
    """Draw a run's front, its generations and the cells of its best network, as PNG and PDF."""
    run = run_at(run_dir, space)
    require_drawable(run.path, "front", "generations", "cells")
    draw_run(run)
    draw_cells(run)
    print(f"drawn in {run_dir}: " + ", ".join(name for name in _files(run) if name.endswith(("png", "pdf"))))


def _plan(
    preset: str | None,
    file: Path | None,
    data: str | None,
    budget: str | None,
    settings: dict[str, Any],
    space: SearchSpace | None = None,
) -> SearchConfig:
    """Return the settings of a search: preset, file, data, budget and single settings, the last ones over the first.

    Without a preset and a budget what is not said of the plan follows the images, if they are not the demo's.
    """
    if space is not None and "space" in settings:
        raise ValueError(f"space: expected no settings of it beside --space, got {shown(settings['space'])}")
    plan = preset_of(preset or "demo", file, space).updated({} if data is None else {"data": data})
    sections = [{} if file is None else read_toml(file).get("training", {}), settings.get("training", {})]
    said = {name: value for section in sections if isinstance(section, dict) for name, value in section.items()}
    usual = any(said.get(name) == getattr(SupernetTraining, name) for name in PLANNED)  # not told from what is unsaid
    whole = "budget" in said or usual or said.keys() >= set(PLANNED)
    follows = preset is None and not whole and plan.updated(settings).data.partition("?")[0] != SearchConfig.data
    if budget is not None or follows:
        plan = plan.with_budget(AUTO if budget is None else budget)
    return plan.updated(settings)


def _trackers(log: list[str] | None, tensorboard: bool) -> list[str]:
    """Return the trackers that the options name."""
    return [*(log or ()), *(["tensorboard"] if tensorboard else ())]


def _session(path: Path, group: Group, telling: Telling, **options: Any) -> Session:
    """Return a search in a directory that tells as much as a user asks for."""
    tell = saying(group)
    usual = telling is Telling.USUAL
    return Session(path, group=group, say=tell if usual else _unsaid, warn=tell, verbose=usual, **options)


def _unsaid(text: str) -> None:
    """Say nothing."""


def _search(session: Session, telling: Telling) -> None:
    """Run a search that was started or resumed, to its end or until a signal comes, and tell what it found."""
    run, problem, is_main = session.run_dir, session.problem, session.group.is_main
    if is_main and telling is Telling.USUAL:
        print(_headline(session.plan, problem))
    with session.interruption.listening():
        try:
            with progress_lines(telling, is_main, _estimate(session)) as lines:
                if lines is not None:
                    problem.run_listeners.append(lines)
                front = session.run()
            if not is_main:
                return
            _show(front)
            best = front.best()
            test = problem.evaluate_on_test(front.genotypes[best])
            run.log("end", seconds=session.log.seconds, test_error_of_best=test)
            where = f"by {front.about['scores']}" if "scores" in front.about else "on search-validation"
            scored, value = front.columns[front.names.index(front.score)], front.column(front.score)[best]
            print(
                f"best network: {scored.name} {scored.text(value)} {where}, error {test:.1%} on test "
                f"({weights_in_words(front.about['weights'])}, epoch {problem.epoch})"
            )
            _warn(problem)
            draw_run(run)
        except InterruptedRunError as stop:
            if is_main:
                _interrupted(session)
            raise typer.Exit(stop.exit_code) from None
        except StoppedError:
            if is_main and session.log.front is not None:
                _show(session.log.front)
            raise
        finally:
            run.unlock()
    if session.interruption.signum is not None:  # it came while the pictures were drawn
        raise typer.Exit(InterruptedRunError(session.interruption.signum).exit_code)
    print(f"{session.log.seconds:.0f} s; results are in {run.path}: " + ", ".join(_files(run)))


def _interrupted(session: Session) -> None:
    """Show and draw what the last whole generation left, and say how it goes on."""
    run, front = session.run_dir, session.log.front
    if front is None:
        print(f"interrupted before the first generation was scored; the log and a checkpoint are in {run.path}")
    else:
        draw_run(run)
        _show(front)
        _warn(session.problem)
        print(f"interrupted; this is the front of generation {front.about['generation'] + 1}, kept in {run.path}")
    print(f"go on with: carsmoo resume {run.path}")


def _estimate(session: Session) -> SearchEstimate:
    """Return what tells the time left of a search; its first generation only scores."""
    training, generations = session.problem.training, session.algorithm.termination.n_max_gen - 1
    return SearchEstimate(
        Plan(
            warmup_epochs=training.warmup_epochs,
            generations=generations,
            epochs_per_generation=training.epochs_per_generation,
            probes=probed_at_end(training) if generations >= training.n_generations else 0,
        )
    )


def _headline(plan: SearchConfig, problem: Any) -> str:
    network, training = problem.network, problem.training
    shape = "x".join(map(str, network.input_shape))
    return (
        f"{plan.data} ({shape}), {problem.space.depth_in_words(network)} on {problem.device}: "
        + (f"{counted(training.supernet_epochs, 'epoch')} of a supernet, " if training.supernet_epochs else "")
        + f"{counted(training.warmup_epochs, 'epoch')} of warm-up, then "
        f"{counted(training.n_generations, 'generation')} of {counted(training.epochs_per_generation, 'epoch')}, "
        f"N = {plan.algorithm.pop_size or training.pop_size}, "
        + (f"{counted(training.probes, 'probe')}, " if training.probes else "")
        + f"seed {plan.seed}"
    )


def _show(front: Front) -> None:
    show(front_table(front), 120)
    print(f"{front.score}: {provenance(front.about, split='{}')}")


def _warn(problem: Any) -> None:
    """Say so where the order of the last generation's networks is mostly noise."""
    if problem.trust is not None and problem.trust.warning:
        print(problem.trust.warning)


def _files(run: RunDirectory) -> list[str]:
    return sorted(path.name for path in run.path.iterdir())
