"""Going on from a checkpoint: read, compared with what it is to go on as, and put back, exactly or not at all."""

from __future__ import annotations

import copy
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import Any

from pymoo.core.population import Population

from carsmoo.callbacks import Callbacks
from carsmoo.checkpoint import FOLDER, FORMAT, LOG, NOT_STATE, Checkpoint, captured, configuration, versions
from carsmoo.continuous import Continuous
from carsmoo.display import FrontOutput
from carsmoo.owned import is_own
from carsmoo.presets import SearchConfig, build
from carsmoo.problems.moving import MovingProblem
from carsmoo.state import restore
from carsmoo.store import Saved, Store, cut
from carsmoo.trees import Arrays, Tree, brief, difference, unpack

_KINDS: Mapping[str, Any] = {
    **dict.fromkeys(("versions", "environment", "problem", "setup", "algorithm"), dict),
    "config": (str, NoneType),
    "seed": (int, NoneType),
    "seconds": (int, float),
    "output": (list, NoneType),
    "log_bytes": (int, NoneType),
}
"""What a checkpoint's document holds."""


@dataclass(frozen=True)
class Snapshot:
    """A checkpoint as it was read.

    Attributes:
        path: the run's directory.
        number: its place in the order of saves.
        document: all but the state of the problem.
        state: the state of a moving problem.
        damaged: names of newer files that were passed over because they are not what was written.
    """

    path: Path
    number: int
    document: dict[str, Any]
    state: Arrays
    damaged: tuple[str, ...]

    @property
    def config(self) -> SearchConfig | None:
        """The configuration of the run, if one says it all."""
        text = self.document["config"]
        return None if text is None else SearchConfig.from_toml(text)

    @property
    def generation(self) -> int:
        """Generations that were done, 0 before the first was scored."""
        done = self.document["algorithm"]["attributes"]["n_iter"]
        return 0 if done is None else done - 1

    @property
    def seconds(self) -> float:
        """How long the run had been going on."""
        return float(self.document["seconds"])


def read(path: str | Path) -> Snapshot:
    """Return the newest checkpoint of a run's directory that is whole.

    Raises:
        ValueError: if there is none, or it is of another format.
    """
    if not isinstance(path, (str, Path)):
        raise TypeError(f"path: expected that of a run's directory, got {path!r}")
    store = Store(Path(path) / FOLDER)
    saved = store.newest()
    if saved is None:
        raise ValueError(f"run: expected a directory with checkpoints, got {path}")
    try:
        return _snapshot(Path(path), saved)
    except (KeyError, TypeError, AttributeError, UnicodeDecodeError) as error:
        raise ValueError(f"{store.folder}: expected a checkpoint, got something else ({error})") from None


def _snapshot(path: Path, saved: Saved) -> Snapshot:
    document = unpack(saved.text, saved.arrays)
    if document["format"] != FORMAT:
        raise ValueError(f"{path}: expected a checkpoint of format {FORMAT}, got format {document['format']}")
    for name, kind in _KINDS.items():
        if name not in document or not isinstance(document[name], kind):
            raise ValueError(f"{path}: expected a checkpoint with a fitting {name!r}, got another or none")
    for name in ("setup", "algorithm"):
        held = document[name].get("attributes")
        if not isinstance(held, dict) or "termination" not in held or not isinstance(held.get("n_iter"), int | None):
            raise ValueError(f"{path}: expected a checkpoint with a fitting {name!r}, got another one")
    state = {name.removeprefix("state/"): a for name, a in saved.arrays.items() if name.startswith("state/")}
    return Snapshot(path, saved.number, document, state, saved.damaged)


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
    """Return a problem and an algorithm that go on where a run was saved last; ``algorithm.run()`` does it.

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
    """
    snapshot = read(path)
    for name in snapshot.damaged:
        warnings.warn(
            f"{path}: {name} is damaged; going on from the checkpoint before it", RuntimeWarning, stacklevel=2
        )
    callbacks = Callbacks(*([] if callback is None else [callback]), Checkpoint(path, every))
    return go_on(
        snapshot, problem, algorithm, termination=termination, callback=callbacks, verbose=verbose, exact=exact
    )


def go_on(
    snapshot: Snapshot,
    problem: Any = None,
    algorithm: Any = None,
    *,
    callback: Callbacks,
    termination: Any = None,
    verbose: bool = False,
    exact: bool = True,
) -> tuple[Any, Any]:
    """Do what :func:`resume` does, from a snapshot, with a :class:`Checkpoint` among the callbacks."""
    document = snapshot.document
    problem, algorithm = _made(snapshot, problem, algorithm)
    _require_same("problem", document["problem"], configuration(problem))
    if exact:
        _require_same("versions", document["versions"], versions())
        if isinstance(problem, MovingProblem):
            _require_same("environment", document["environment"], problem.environment())
    writes = not isinstance(problem, MovingProblem) or problem.process_rank == 0
    for checkpoint in callback.callbacks:
        if isinstance(checkpoint, Checkpoint) and writes:
            checkpoint.continue_from(snapshot)
    algorithm.setup(problem, seed=document["seed"], termination=termination, callback=callback, verbose=verbose)
    _require_same("algorithm", _without_termination(document["setup"]), _without_termination(captured(algorithm)))
    try:
        _put_back(snapshot, problem, algorithm, termination is not None)
    except (KeyError, TypeError, AttributeError, IndexError, RuntimeError, OverflowError) as error:
        raise ValueError(f"{snapshot.path}: expected a checkpoint of this run, got another ({brief(error)})") from None
    if algorithm.is_initialized:
        algorithm.start_time = time.time() - snapshot.seconds
        if termination is not None:
            algorithm.n_iter -= 1  # as it was when the last generation ended
            algorithm.termination.update(algorithm)
            algorithm.n_iter += 1
    if document["output"] is not None and isinstance(algorithm.display.output, FrontOutput):
        algorithm.display.output.load_state(document["output"])
    if writes:
        _cut_log(snapshot)
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
        built = build(config)
        problem = built[0] if problem is None else problem
        algorithm = built[1] if algorithm is None else algorithm
    if not isinstance(algorithm, Continuous):
        raise TypeError(f"algorithm: expected one with carsmoo.Continuous, got {type(algorithm).__name__}")
    return problem, copy.deepcopy(algorithm)


def _put_back(snapshot: Snapshot, problem: Any, algorithm: Any, own_termination: bool) -> None:
    """Give problem and algorithm the state that was saved; the termination too unless it has one of its own."""
    saved = snapshot.document["algorithm"]
    if isinstance(problem, MovingProblem):
        problem.load_state(snapshot.state)
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


def _require_same(what: str, expected: Tree, got: Tree) -> None:
    """Check that something is as it was when the run began.

    Raises:
        ValueError: naming the first difference.
    """
    found = difference(expected, got)
    if found is not None:
        raise ValueError(f"{what} is not that of the run: {found}")


def _cut_log(snapshot: Snapshot) -> None:
    """Cut a search's log back to what it was when the checkpoint was saved; another file of its name is left alone."""
    log, size = snapshot.path / LOG, snapshot.document["log_bytes"]
    there = log.is_file() and not log.is_symlink()
    held = log.stat().st_size if there else 0
    if held > (size or 0) and is_own(log):
        cut(log, size or 0)
    elif size is not None and held < size:
        warnings.warn(
            f"{log}: expected {size} bytes, got {held}; part of the log is lost", RuntimeWarning, stacklevel=3
        )
