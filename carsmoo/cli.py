"""The command line, and the only module that prints.

Exit codes: 0 done; 2 the input is wrong (one line says what was expected and what was given); 1 a search could not go
on, such as on a full disk (one line says why); 130 and 143 interrupted by SIGINT and SIGTERM.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from carsmoo import cost as costs
from carsmoo import suite
from carsmoo.config import NetworkConfig
from carsmoo.console import front_table, score_table
from carsmoo.errors import StoppedError
from carsmoo.events import ProgressBars, Step
from carsmoo.front import Front
from carsmoo.genotype import Genotype
from carsmoo.interrupt import InterruptedRunError
from carsmoo.pictures import draw_cells, draw_comparison, draw_run
from carsmoo.presets import SearchConfig, parse_settings, read_toml
from carsmoo.rundir import RunDirectory
from carsmoo.session import Session
from carsmoo.tables import to_csv, to_latex
from carsmoo.zoo import GENOTYPES, PUBLISHED

app = typer.Typer(
    help="Multi-objective neural architecture search on a training supernet.",
    invoke_without_command=True,
    add_completion=False,
    rich_markup_mode=None,
)


@app.callback()
def carsmoo(context: typer.Context) -> None:
    """Multi-objective neural architecture search on a training supernet (CARS, pNSGA-III, pymoo)."""
    if context.invoked_subcommand is None:
        _say(context.get_help())


Every = Annotated[int, typer.Option("--every", help="Epochs of warm-up or generations between checkpoints.", min=1)]
TensorBoard = Annotated[bool, typer.Option("--tensorboard", help="Write figures for TensorBoard too (tensorboardX).")]


@app.command()
def search(
    out: Annotated[Path, typer.Option(help="Directory for the run; new or empty.")],
    config: Annotated[Path | None, typer.Option(help="TOML file with settings.")] = None,
    preset: Annotated[str, typer.Option(help="Settings to start from: demo, cifar10-paper, smoke.")] = "demo",
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="One setting, such as training.warmup=3; last word over all.")
    ] = None,
    every: Every = 1,
    tensorboard: TensorBoard = False,
) -> None:
    """Search for networks and write the front, its picture and a log to a directory."""
    plan = SearchConfig.preset(preset)
    if config is not None:
        plan = plan.updated(read_toml(config))
    plan = plan.updated(parse_settings(settings or []))
    RunDirectory(out).require_empty()
    session = Session(out, say=_say, every=every, tensorboard=tensorboard)
    session.start(plan)
    _search(session)


@app.command()
def resume(
    run_dir: Annotated[Path, typer.Argument(metavar="DIR", help="Directory of a run that was stopped.")],
    generations: Annotated[
        int | None, typer.Option(help="Generations of evolution in all, instead of as many as planned.", min=1)
    ] = None,
    inexact: Annotated[
        bool, typer.Option("--inexact", help="Go on with other versions, device or threads: the last bits may differ.")
    ] = False,
    every: Every = 1,
    tensorboard: TensorBoard = False,
) -> None:
    """Go on with a search where it was saved last, with the results of one that was never stopped."""
    session = Session(run_dir, say=_say, every=every, tensorboard=tensorboard)
    session.go_on(generations, exact=not inexact)
    _search(session)


@app.command()
def plot(run_dir: Annotated[Path, typer.Argument(metavar="DIR", help="Directory of a run.")]) -> None:
    """Draw a run's front, its generations and the cells of its best network, as PNG and PDF."""
    run = RunDirectory(run_dir)
    draw_run(run)
    draw_cells(run)
    _say(f"drawn in {run_dir}: " + ", ".join(name for name in _files(run) if name.endswith(("png", "pdf"))))


@app.command()
def compare(
    out: Annotated[Path, typer.Option(help="Directory for the runs and tables; runs that it holds are not run again.")],
    problems: Annotated[list[str], typer.Option("--problem", help=f"Any of {', '.join(suite.PROBLEMS)}, or trap:4.")],
    algorithms: Annotated[
        list[str] | None, typer.Option("--algorithm", help=f"Any of {', '.join(suite.ALGORITHMS)}; all if not given.")
    ] = None,
    seeds: Annotated[int, typer.Option(help="Seeds 0 to this, exclusive.", min=1)] = 20,
    baseline: Annotated[str, typer.Option(help="What the others are tested against.")] = "nsga3",
    jobs: Annotated[int, typer.Option(help="Processes; all cores if not given.")] = -1,
) -> None:
    """Compare algorithms on benchmark problems over seeds; write the table as CSV and LaTeX, and the plots."""
    from carsmoo.compare import compare as run_all

    names = list(dict.fromkeys(algorithms or suite.ALGORITHMS))
    for name in names:
        suite.algorithm(name)
    for name in problems:
        suite.problem(name, 0)
    bars = ProgressBars()

    def done(n: int, total: int) -> None:
        bars(Step(phase="comparing", time=0, done=n, total=total, unit="runs"))

    made = run_all(
        {name: partial(suite.algorithm, name) for name in names},
        {name: partial(suite.problem, name) for name in dict.fromkeys(problems)},
        range(seeds),
        baseline=baseline,
        store=out / "runs",
        n_jobs=jobs,
        done=done,
    )
    scores = made.scores()
    (out / "table.csv").write_text(to_csv(scores), encoding="utf-8")
    (out / "table.tex").write_text(to_latex(scores), encoding="utf-8")
    draw_comparison(made, out)
    Console(width=max(Console().width, 140)).print(score_table(scores, baseline))
    _say(f"table.csv, table.tex and the plots are in {out}")


@app.command()
def cost(
    genotype: Annotated[str, typer.Argument(metavar="NAME|GENOTYPE", help="A published name, or a genotype's text.")],
    channels: Annotated[int | None, typer.Option(help="Channels of the first cell instead of the usual ones.")] = None,
    layers: Annotated[int | None, typer.Option(help="Cells instead of the usual number.")] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Build the networks and count with fvcore too.")] = False,
) -> None:
    """Print the parameters and multiply-adds of a genotype on CIFAR-10 and on ImageNet."""
    found = _genotype(genotype)
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
        _say(line)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code; what the user got wrong is one line on standard error."""
    sys.exit(_run(list(sys.argv[1:] if argv is None else argv)))


def _run(argv: list[str]) -> int:
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(line_buffering=True)
    usage_error: type[Exception] = typer.BadParameter.__mro__[2]  # the base of what typer raises for wrong arguments
    code = 2
    try:
        return int(app(argv, prog_name="carsmoo", standalone_mode=False) or 0)
    except usage_error as error:
        say = getattr(error, "format_message", error.__str__)
        message = str(say())
    except (ValueError, TypeError, OSError, ImportError) as error:
        if os.environ.get("CARSMOO_DEBUG"):
            raise
        message = str(error)
    except StoppedError as error:
        if os.environ.get("CARSMOO_DEBUG"):
            raise
        message, code = str(error), 1
    except (KeyboardInterrupt, typer.Abort):
        return 130
    print("carsmoo: " + " ".join(message.split()), file=sys.stderr)
    return code


def _search(session: Session) -> None:
    """Run a search that was begun or gone on with, to its end or until a signal comes, and tell what it found."""
    run, problem = session.run_dir, session.problem
    _say(_headline(session.plan, problem))
    with session.interruption:
        try:
            front = session.run()
            draw_run(run)
            _show(front)
            best = min(front, key=lambda network: network[1]["error"])
            test = problem.test_error(best[0])
        except InterruptedRunError as stop:
            _interrupted(session)
            raise typer.Exit(stop.exit_code) from None
        except StoppedError:
            so_far = session.log.front
            if so_far is not None:
                _show(so_far)
            raise
    if session.interruption.signum is not None:  # it came while the pictures were drawn
        raise typer.Exit(InterruptedRunError(session.interruption.signum).exit_code)
    run.log("end", seconds=session.log.seconds, test_error_of_best=test)
    _say(
        f"best network: error {best[1]['error']:.1%} on search-validation, {test:.1%} on test "
        f"(weights of the supernet, epoch {problem.epoch})"
    )
    _say(f"{session.log.seconds:.0f} s; results are in {run.path}: " + ", ".join(_files(run)))


def _interrupted(session: Session) -> None:
    """Show and draw what the last whole generation left, and say how it goes on."""
    run, front = session.run_dir, session.log.front
    if front is None:
        _say(f"interrupted before the first generation was scored; the log and a checkpoint are in {run.path}")
    else:
        draw_run(run)
        _show(front)
        _say(f"interrupted; this is the front of generation {front.about['generation'] + 1}, kept in {run.path}")
    _say(f"go on with: carsmoo resume {run.path}")


def _genotype(text: str) -> Genotype:
    if text in GENOTYPES:
        return GENOTYPES[text]
    if "(" not in text and not text.lstrip().startswith("{"):
        raise ValueError(f"genotype: expected one of {', '.join(GENOTYPES)}, or Genotype(...), got {text!r}")
    return Genotype.from_json(text) if text.lstrip().startswith("{") else Genotype.parse(text)


def _verified(name: str, genotype: Genotype, network: NetworkConfig, params: int, flops: int) -> str:
    """Count a built network, and its multiply-adds with fvcore, and say whether they are those of the closed form."""
    from carsmoo.nets.counting import count

    built, counted = count(genotype, network)
    if (built, counted) != (params, flops):
        raise ValueError(f"{name}: expected {params} params, {flops} multiply-adds, got {built} built, {counted} run")
    return f"{name}: built network {built:,} parameters, fvcore {counted:,} multiply-adds: equal to the closed form"


def _headline(plan: SearchConfig, problem: Any) -> str:
    network, training = problem.network, problem.training
    shape = "x".join(map(str, network.image_shape))
    return (
        f"{plan.data} ({shape}), {network.layers} cells of {network.channels} channels on {problem.device}: "
        f"{training.warmup} epochs of warm-up, then {training.generations} generations of {training.epochs} epochs, "
        f"N = {plan.algorithm.pop_size or training.population}, seed {plan.seed}"
    )


def _show(front: Front) -> None:
    Console(width=max(Console().width, 120)).print(front_table(front))
    about = front.about
    _say(f"errors: {about['split']}, weights of the {about['weights']}, epoch {about['epoch']}")


def _files(run: RunDirectory) -> list[str]:
    return sorted(path.name for path in run.path.iterdir())


def _say(text: str) -> None:
    print(text)


if __name__ == "__main__":
    main()
