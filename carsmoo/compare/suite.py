"""The algorithms and problems of the published comparison, by their names on the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from pymoo.algorithms.moo.nsga2 import NSGA2

from carsmoo.algorithm.continuous import Continuous
from carsmoo.algorithm.pnsga3 import PNSGA3
from carsmoo.compare import tools
from carsmoo.operators import CARSMating
from carsmoo.problems.surrogate import NASBench301
from carsmoo.problems.synthetic import SmallModelTrap
from carsmoo.problems.tabular import NASBenchMacro, UnseenRows, deep_resnets, metaqnn, naap440

ALGORITHMS = ("growth", "size", "nsga3", "nsga2", "random")
"""PNSGA3 by protection (``nsga3`` has none), NSGA-II and random search, all on the same continuous evolution.

For runs that cost the same give ``setup`` what :func:`~carsmoo.compare.same_cost` says.
"""

TOOLS = tools.TOOLS
"""pymoo's own algorithms, and Optuna's: what their users run on the same vectors, at the same cost on their own."""

_MAKERS: Mapping[str, Callable[..., Any]] = {
    "nb301": NASBench301,
    "nb301-flops": partial(NASBench301, "flops"),
    "macro": lambda seed: NASBenchMacro(),
    "naap-440": naap440,
    "metaqnn": metaqnn,
    "deep-resnets": deep_resnets,
}

PROBLEMS = ("trap", *_MAKERS)
"""Problems by name; ``trap`` takes a strength as ``trap:4``."""


class ContinuousNSGA2(Continuous, NSGA2):  # type: ignore[misc]
    """NSGA-II on a moving problem: its survival, the same training and the same mating as PNSGA3."""


class RandomSearch(ContinuousNSGA2):
    """Random search: new random vectors each generation, of which NSGA-II's survival keeps the best of all seen."""

    def _configure(self, problem: Any, given: dict[str, Any]) -> None:
        super()._configure(problem, given)
        if not isinstance(self.mating, UnseenRows):
            self.mating = CARSMating(
                sampling=getattr(self.mating, "sampling", self.initialization.sampling),
                mix=(0.0, 0.0),
                eliminate_duplicates=self.mating.eliminate_duplicates,
            )


def algorithm(name: str) -> Any:
    """Return a new algorithm.

    Raises:
        ValueError: for a name outside :data:`ALGORITHMS` and :data:`TOOLS`.
        ModuleNotFoundError: for one that needs a package that is not installed.
    """
    if name in TOOLS:
        return tools.tool(name)
    match name:
        case "growth" | "size":
            return PNSGA3(protection=name)
        case "nsga3":
            return PNSGA3(protection=None)
        case "nsga2":
            return ContinuousNSGA2()
        case "random":
            return RandomSearch()
    raise ValueError(f"algorithm: expected one of {', '.join((*ALGORITHMS, *TOOLS))}, got {name!r}")


def problem(name: str, seed: int) -> Any:
    """Return a new problem of a seed.

    Raises:
        ValueError: for a name outside :data:`PROBLEMS`.
        FileNotFoundError: if its data are missing, saying what to get.
    """
    kind, _, detail = str(name).partition(":")
    if kind == "trap":
        try:
            return SmallModelTrap(strength=float(detail or 3), seed=seed)
        except ValueError:
            raise ValueError(f"problem: expected trap:STRENGTH with a number of at least 0, got {name!r}") from None
    if str(name) not in _MAKERS:
        raise ValueError(f"problem: expected one of {', '.join(PROBLEMS)}, got {name!r}")
    return _MAKERS[name](seed=seed)


def labels(name: str) -> list[str]:
    """Return the names of a two-objective problem's objectives, with units, for a plot."""
    return [f"{objective} ({unit})" if unit else objective for objective, unit in units(name).items()]


def units(name: str) -> dict[str, str]:
    """Return the units of a two-objective problem's objectives by their names; empty for a number without one."""
    flops = {"multiply-adds": "millions"}
    sizes = {"trap": {"size": ""}, "nb301-flops": flops, "naap-440": flops}
    return {"error": "fraction", **sizes.get(name.partition(":")[0], {"params": "millions"})}
