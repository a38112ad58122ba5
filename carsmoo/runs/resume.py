"""Resuming from a checkpoint: read, compared with what it is to go on as, and restored, exactly or not at all."""

from __future__ import annotations

import copy
import time
import warnings
from pathlib import Path
from typing import Any

from pymoo.core.population import Population

from carsmoo.algorithm.callbacks import Callbacks
from carsmoo.algorithm.continuous import Continuous
from carsmoo.algorithm.display import FrontOutput
from carsmoo.config.renamed import sections_with_new_names
from carsmoo.problems.genotypes import GenotypeProblem
from carsmoo.problems.moving import MovingProblem
from carsmoo.runs.build import build, require_table
from carsmoo.runs.checkpoint import Checkpoint, is_main
from carsmoo.runs.snapshot import NOT_STATE, SearchStore, Snapshot, captured, configuration, read, versions
from carsmoo.utils.capture import restore
from carsmoo.utils.trees import Tree, brief


def resume(
    path: str | Path,
    problem: Any = None,
    algorithm: Any = None,
    *,
    termination: Any = None,
    callback: Any = None,
    verbose: bool = False,
    every: int = 1,
    exact: bool = True,
) -> tuple[Any, Any]:
    """Resume from a run's newest checkpoint: return its problem and algorithm, ready for ``algorithm.run()``.

    A newer save that is damaged is passed over with a warning. A history (``save_history``) starts anew. The
    termination that ``minimize`` was given is taken up if it is of the problem's kind, else it has to be given again.

    Args:
        path: directory of the run, that of its :class:`Checkpoint`.
        problem: a problem made as that of the run was; needed where it holds functions or images without a name, or is
            no CARSProblem.
        algorithm: an algorithm made as that of the run was; needed where it was given more than sizes and protection.
        termination: another end than the run had, in any form that pymoo takes, such as ``("n_gen", 80)``.
        callback: called before the checkpoint is saved.
        verbose: as for pymoo's ``minimize``.
        every: see :class:`Checkpoint`.
        exact: whether other versions, threads or another device, with which the last bits may differ, are refused.

    Raises:
        ValueError: if there is no checkpoint, or the first difference to the run as it was, by name.
        BlockingIOError: if the run is still going on.

    Example:
        >>> from pymoo.optimize import minimize
        >>> from carsmoo import PNSGA3, Checkpoint, resume
        >>> from carsmoo.problems.synthetic import SmallModelTrap
        >>> result = minimize(SmallModelTrap(population=8), PNSGA3(), ("n_gen", 3), callback=Checkpoint("run"))
        >>> problem, algorithm = resume("run", SmallModelTrap(population=8), PNSGA3(), termination=("n_gen", 5))
        >>> result = algorithm.run()
        >>> problem.time
        4
    """
    snapshot = read(path)
    for name in snapshot.damaged:
        warnings.warn(
            f"{path}: {name} is damaged; going on from the checkpoint before it", RuntimeWarning, stacklevel=2
        )
    logged = snapshot.document["log_bytes"] is not None and (problem is None or isinstance(problem, GenotypeProblem))
    saves = Checkpoint(path, every, log=logged)
    callbacks = Callbacks(*([] if callback is None else [callback]), saves)
    return resume_snapshot(
        snapshot, problem, algorithm, termination=termination, callback=callbacks, verbose=verbose, exact=exact
    )


def resume_snapshot(
    snapshot: Snapshot,
    problem: Any = None,
    algorithm: Any = None,
    *,
    callback: Callbacks,
    termination: Any = None,
    verbose: bool = False,
    exact: bool = True,
) -> tuple[Any, Any]:
    """Resume as :func:`carsmoo.resume` does, from a snapshot, with a :class:`Checkpoint` among the callbacks."""
    document, store = snapshot.document, SearchStore(snapshot.path)
    problem, algorithm = _made(snapshot, problem, algorithm)
    store.require_same("problem", sections_with_new_names(document["problem"]), configuration(problem))
    if exact:
        store.require_same("versions", document["versions"], versions())
        if isinstance(problem, MovingProblem):
            store.require_same("environment", document["environment"], problem.reproducibility())
    checkpoints = [one for one in callback.callbacks if isinstance(one, Checkpoint) and is_main(problem)]
    try:
        for checkpoint in checkpoints:
            checkpoint.resume_from(snapshot)
        algorithm.setup(problem, seed=document["seed"], termination=termination, callback=callback, verbose=verbose)
        store.require_same(
            "algorithm", _without_termination(document["setup"]), _without_termination(captured(algorithm))
        )
        try:
            _restore(snapshot, problem, algorithm, termination is not None)
        except (KeyError, TypeError, AttributeError, IndexError, RuntimeError, OverflowError) as error:
            expected = f"{snapshot.path}: expected a checkpoint of this run"
            raise ValueError(f"{expected}, got another ({brief(error)})") from None
        if algorithm.is_initialized:
            algorithm.start_time = time.time() - snapshot.seconds
            if termination is not None:
                algorithm.n_iter -= 1  # as it was when the last generation ended
                algorithm.termination.update(algorithm)
                algorithm.n_iter += 1
        if document["output"] is not None and isinstance(algorithm.display.output, FrontOutput):
            algorithm.display.output.load_state(document["output"])
        if is_main(problem) and (algorithm.has_next() or not any(one.log for one in checkpoints)):
            store.cut_log(document["log_bytes"])
            for checkpoint in checkpoints:
                checkpoint.resumed(algorithm)
    except BaseException:
        for checkpoint in checkpoints:
            checkpoint.leave()
        raise
    if not algorithm.has_next():
        callback.leave()
    return problem, algorithm


def _made(snapshot: Snapshot, problem: Any, algorithm: Any) -> tuple[Any, Any]:
    """Return problem and algorithm, those that are not given made from the run's configuration."""
    if problem is None or algorithm is None:
        config = snapshot.config
        if config is None:
            raise ValueError(
                f"{snapshot.path}: expected resume(path, problem, algorithm) with both made as for the run, since its "
                "configuration does not say it all"
            )
        require_table(config, snapshot.path)
        built = build(config)
        problem = built[0] if problem is None else problem
        algorithm = built[1] if algorithm is None else algorithm
    if not isinstance(algorithm, Continuous):
        raise TypeError(f"algorithm: expected one with carsmoo.Continuous, got {type(algorithm).__name__}")
    return problem, copy.deepcopy(algorithm)


def _restore(snapshot: Snapshot, problem: Any, algorithm: Any, own_termination: bool) -> None:
    """Give problem and algorithm the state that was saved; the termination too unless it has one of its own."""
    saved = snapshot.document["algorithm"]
    if isinstance(problem, MovingProblem):
        problem.load_state_dict(snapshot.state)
    if own_termination:
        restore(algorithm, _without_termination(saved), (*NOT_STATE, "termination"))
    else:
        kind, got = saved["attributes"]["termination"]["object"], type(algorithm.termination).__qualname__
        if kind != got:
            raise ValueError(f"termination: expected {kind} as in the run, got {got}; pass it as termination=...")
        restore(algorithm, saved, NOT_STATE)
    if algorithm.is_initialized and not isinstance(algorithm.pop, Population):
        raise ValueError(f"{snapshot.path}: expected a population, got {type(algorithm.pop).__name__}")


def _without_termination(tree: Tree) -> Tree:
    return {**tree, "attributes": {k: v for k, v in tree["attributes"].items() if k != "termination"}}
