"""Problem and algorithm of a configuration, and the configuration of a problem and an algorithm."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carsmoo.config.search import AlgorithmConfig, SearchConfig
from carsmoo.cost.memory import require_count
from carsmoo.cost.objectives import OBJECTIVES
from carsmoo.space.known import is_known

if TYPE_CHECKING:
    from carsmoo.nets.distributed.group import Group


def build(config: SearchConfig, group: Group | None = None) -> tuple[Any, Any]:
    """Return the problem and the algorithm of a configuration, a CARSProblem and a PNSGA3.

    Args:
        config: the configuration.
        group: the processes that work together, see :class:`~carsmoo.CARSProblem`.

    Raises:
        TypeError, ValueError, OSError: as they do; ValueError too if the population does not fit in the memory.
    """
    from carsmoo.algorithm.pnsga3 import PNSGA3
    from carsmoo.nets.supernet.problem import CARSProblem

    training = config.training
    if training.budget is not None and config.algorithm.pop_size is not None:  # as many are scored
        training = dataclasses.replace(training, pop_size=config.algorithm.pop_size)
    problem = CARSProblem(
        config.data,
        config.space,
        config.objectives,
        config.network,
        training,
        config.device,
        config.seed,
        config.latency,
        group,
    )
    settings = dataclasses.asdict(config.algorithm)
    for name in ("pop_size", "n_offsprings"):
        require_count(name, settings[name] or 0, problem.n_var)
    protection = None if settings["protection"] == "none" else settings["protection"]
    return problem, PNSGA3(**{**settings, "protection": protection})


def require_table(config: SearchConfig, run: Path) -> None:
    """Check that the latency table of a run, if it was given one, is where it was.

    Raises:
        FileNotFoundError: if it is not.
    """
    if config.latency is not None and not Path(config.latency).is_file():
        raise FileNotFoundError(
            f"{run}: expected the latency table that the run belongs to, got no file {config.latency}"
        )


def config_of(problem: Any, algorithm: Any) -> SearchConfig | None:
    """Return the configuration that :func:`build` makes this problem and this algorithm of; None if there is none.

    A space, operations and objectives of one's own are in it by their names, which do not make them again, see
    :func:`says_all`.
    """
    parts = [made.to_config() if callable(getattr(made, "to_config", None)) else None for made in (problem, algorithm)]
    if parts[0] is None or parts[1] is None:
        return None
    chosen = {**parts[1], "protection": parts[1]["protection"] or "none"}
    return SearchConfig(**parts[0], algorithm=AlgorithmConfig(**chosen))


def says_all(config: SearchConfig) -> bool:
    """Return whether a configuration's file makes its search again: no space, operation or objective is one's own."""
    return is_known(config.space) and not functions_in(config)


def functions_in(config: SearchConfig) -> list[str]:
    """Return the names of the objectives that are functions of a script."""
    return [name for name in config.objectives if name not in OBJECTIVES]
