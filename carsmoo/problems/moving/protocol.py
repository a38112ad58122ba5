"""The protocol of moving problems: what a subclass writes, and the rules of time that the base class keeps."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pymoo.core.problem import Problem

from carsmoo.problems.moving.standstill import Standstill
from carsmoo.utils.capture import capture, restore
from carsmoo.utils.progress import Listener, Step
from carsmoo.utils.trees import Arrays, pack, unpack
from carsmoo.utils.validation import array, indices, integer

_KEPT_APART = (
    *("listeners", "run_listeners", "survivors", "time"),
    *("_begun", "_started", "_guide", "_scored", "_standstill"),
)
_WORLD = "world.json"


class MovingProblem(Problem):  # type: ignore[misc]
    """A pymoo problem whose objectives change over time, one step of time at each :meth:`advance`.

    A subclass writes :meth:`_moving_values`, :meth:`_advance` and :meth:`_restart`; :meth:`_fixed_values` if it has
    objectives that do not move; :meth:`_begin` if something must come before any score. This class keeps the rules:
    scoring never advances it, and what must come first runs once and not in the constructor. A run of PNSGA3, or of any
    algorithm with :class:`~carsmoo.Continuous`, starts a used problem afresh; before a run of another
    algorithm call :meth:`restart`.

    Args:
        moving: indices of the objectives that move, each once, within 0..n_obj-1; the class's own if not given.
        seed: seed that an algorithm takes if it is given none.
        **kwargs: as for pymoo's ``Problem``.

    Attributes:
        time: generations that the problem has advanced since it was started.
        default_pop_size: population size for an algorithm that is given none; None for no opinion.
        default_termination: termination, in any form that pymoo takes, for an algorithm that is given none; None for no
            opinion.
        listeners: called with each :class:`~carsmoo.utils.progress.Step`.
        run_listeners: the same, but only until the next run starts.
        races: whether scores of those whose error alone settles that they do not survive may be left unfinished.
        survivors: how many of the batch that is evaluated next the run keeps; None where no run has told it.
        process_rank: the number of this process among those that work on the problem together.

    Raises:
        TypeError, ValueError: for an index in ``moving`` that is no objective, a seed that is no integer from 0, or
            ``elementwise=True``.

    Example:
        >>> import numpy as np
        >>> from pymoo.optimize import minimize
        >>> from carsmoo import PNSGA3, MovingProblem
        >>> class Learning(MovingProblem):
        ...     def __init__(self):
        ...         super().__init__(n_var=2, n_obj=2, xl=0.0, xu=1.0)
        ...     def _moving_values(self, X):
        ...         return np.exp(-self.time * X[:, 0])
        ...     def _fixed_values(self, X):
        ...         return X.sum(axis=1)
        ...     def _advance(self, X):
        ...         pass
        ...     def _restart(self):
        ...         pass
        >>> minimize(Learning(), PNSGA3(pop_size=8), ("n_gen", 3), seed=1).F.shape[1]
        2
    """

    moving: tuple[int, ...] = (0,)
    default_pop_size: int | None = None
    default_termination: Any = None
    process_rank: int = 0
    races: bool = False
    survivors: int | None = None

    def __init__(self, *, moving: tuple[int, ...] | None = None, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if self.elementwise:
            raise ValueError("elementwise: expected False, as a moving problem scores all rows in one call, got True")
        self.moving = indices("moving", type(self).moving if moving is None else moving, self.n_obj)
        self.seed = None if seed is None else integer("seed", seed, 0)
        self.time = 0
        self.listeners: list[Listener] = []
        self.run_listeners: list[Listener] = []
        self._started = False
        self._begun = False
        self._guide: NDArray[Any] | None = None
        self._scored: NDArray[Any] | None = None
        self._standstill = Standstill(type(self).__name__)

    @property
    def is_main(self) -> bool:
        """Whether this process, of those that work on the problem together, is the one that writes and prints."""
        return self.process_rank == 0

    def default_operators(self) -> dict[str, Any]:
        """Return operators for an algorithm that is given none.

        The keys are those of pymoo's ``GeneticAlgorithm``: ``sampling``, ``selection``, ``crossover``, ``mutation``,
        ``mating``, ``eliminate_duplicates``, ``repair``.
        """
        return {}

    def advance(self, X: ArrayLike) -> None:
        """Advance by one generation, guided by the population's decision vectors ``X`` (n, n_var).

        Raises:
            ValueError: if ``X`` does not fit the problem, or has no row.
        """
        X = self.check(X)
        if len(X) == 0:
            raise ValueError(f"X: expected (n, {self.n_var}) with n > 0 to be guided by, got {X.shape}")
        self._guide = X.copy()
        self._step(X)

    def tic(self, elapsed: int = 1) -> None:
        """Advance by ``elapsed`` generations, as pymoo's ``TimeSimulation`` asks.

        It is guided by the vectors of the last :meth:`advance`; if there was none, by those evaluated last.

        Raises:
            TypeError, ValueError: for an ``elapsed`` that is no integer from 0, or if nothing was evaluated yet.
        """
        elapsed = integer("elapsed", elapsed, 0)
        X = self._scored if self._guide is None else self._guide
        if X is None:
            raise ValueError("tic: expected an evaluation or an advance before it, got none")
        for _ in range(elapsed):
            self._step(X)

    def moving_values(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the current moving objectives, (n, len(moving)), minimised, for ``X`` (n, n_var).

        Raises:
            ValueError: if ``X`` does not fit the problem.
        """
        X = self.check(X)
        self._ensure_begun()
        return np.asarray(self._moving_values(X), dtype=np.float64).reshape(len(X), len(self.moving))

    def restart(self) -> None:
        """Restart: the next score is what the first one was."""
        if self._started:
            self._restart()
        self._started = self._begun = False
        self.time = 0
        self._guide = self._scored = self.survivors = None
        self._standstill = Standstill(type(self).__name__)
        self.run_listeners = []

    def state_dict(self) -> Arrays:
        """Return everything that :meth:`load_state_dict` needs to resume exactly from here, as plain arrays.

        Raises:
            TypeError: if the problem holds something that is no plain data, and does not write ``_state`` itself.
        """
        state: Arrays = {"time": np.array(self.time), "begun": np.array(self._begun)}
        for name, X in (("guide", self._guide), ("scored", self._scored)):
            if X is not None:
                state[name] = X.copy()
        return {**state, **self._state()}

    def load_state_dict(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Resume from what :meth:`state_dict` returned, of a problem made with the same arguments.

        Raises:
            ValueError: if the arrays do not fit this problem.
        """
        for name in ("begun", "time"):
            if name not in state:
                raise ValueError(f"state: expected what state_dict() returned, got no {name!r}")
        self._load_state(state)
        self._begun, self.time = bool(state["begun"]), int(state["time"])
        self._started = self._begun  # else there is nothing yet that a restart would set back
        self._guide, self._scored, self.survivors = state.get("guide"), state.get("scored"), None

    def state(self) -> Arrays:
        """Return :meth:`state_dict`, by its name of before."""
        return self.state_dict()

    def load_state(self, *args: Any, **kwargs: Any) -> None:
        """Call :meth:`load_state_dict`, by its name of before."""
        self.load_state_dict(*args, **kwargs)

    def fingerprint(self) -> dict[str, Any]:
        """Return the problem's arguments as plain data: a run resumes only where they are the same."""
        public = [name for name in vars(self) if not name.startswith("_") and name not in _KEPT_APART]
        left_out = [name for name in vars(self) if name not in public]
        return {"kind": type(self).__qualname__, "made": capture(self, left_out, lenient=True)["attributes"]}

    def reproducibility(self) -> dict[str, Any]:
        """Return what of this machine decides the last bits of a score: versions, device, threads."""
        return {}

    def evaluate(self, X: Any, *args: Any, **kwargs: Any) -> Any:
        """Evaluate as pymoo does, after :meth:`check`.

        Warns once, if an algorithm comes to its next generation and nothing has advanced the problem since its last.

        Raises:
            ValueError: if ``X`` does not fit the problem.
        """
        self._standstill.watch(kwargs.get("algorithm"), self.time)
        single = array("X", X).ndim == 1
        checked = self.check([X] if single else X)
        return super().evaluate(checked[0] if single else checked, *args, **kwargs)

    def check(self, X: ArrayLike) -> NDArray[Any]:
        """Return ``X`` as an array (n, n_var).

        Raises:
            ValueError: if it has another shape.
        """
        A = array("X", X)
        if A.ndim != 2 or A.shape[1] != self.n_var:
            raise ValueError(f"X: expected (n, {self.n_var}), got {A.shape}")
        return A

    def tell(self, step: Step) -> None:
        """Report a step event to the listeners."""
        for listener in [*self.listeners, *self.run_listeners]:
            listener(step)

    def _evaluate(self, X: NDArray[Any], out: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        fixed = [k for k in range(self.n_obj) if k not in self.moving]
        self._ensure_begun()
        self._join(X)
        F = np.empty((len(X), self.n_obj))
        F[:, list(self.moving)] = self.moving_values(X)
        if fixed:
            F[:, fixed] = np.reshape(self._fixed_values(X), (len(X), len(fixed)))
        self._scored, self.survivors = X.copy(), None
        out["F"] = F

    def _step(self, X: NDArray[Any]) -> None:
        self._ensure_begun()
        self._advance(X)
        self.time += 1

    def _ensure_begun(self) -> None:
        if not self._begun:
            self._started = True
            self._begin()
            self._begun = True

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the listeners, which belong to a process."""
        return {**super().__getstate__(), "listeners": [], "run_listeners": []}

    # ------------------------------------------------------------------ to be written by a subclass

    def _begin(self) -> None:
        """Do what must come before any score; called once, at the first score or advance."""
        return

    @abstractmethod
    def _advance(self, X: NDArray[Any]) -> None:
        """Advance by one generation, guided by ``X`` (n, n_var)."""

    def _join(self, X: NDArray[Any]) -> None:
        """Prepare for ``X`` (n, n_var) to be scored as members of a generation; what is only asked for does not join.

        A problem whose individuals have something of their own to train does so here with the new ones.
        """

    @abstractmethod
    def _restart(self) -> None:
        """Return to the state before :meth:`_begin`."""

    @abstractmethod
    def _moving_values(self, X: NDArray[Any]) -> ArrayLike:
        """Return the current moving objectives, (n, len(moving)), each row whatever the others are."""

    def _state(self) -> Arrays:
        """Return the state as plain arrays: all that the problem holds, unless a subclass knows better.

        One that holds tensors, or makes objects while it runs, has to: see ``carsmoo.utils.capture.capture``.
        """
        text, arrays = pack(capture(self, _KEPT_APART))
        return {**arrays, _WORLD: np.frombuffer(text.encode(), dtype=np.uint8)}

    def _load_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Restore the state that :meth:`_state` returned."""
        if _WORLD not in state:
            raise ValueError("state: expected that of a problem of the same kind, got another")
        restore(self, unpack(state[_WORLD].tobytes().decode(), state), _KEPT_APART)

    def _fixed_values(self, X: NDArray[Any]) -> ArrayLike:
        """Return the other objectives, (n, n_obj - len(moving)), in ascending order of their index."""
        raise TypeError(f"{type(self).__name__}: expected _fixed_values for its fixed objectives, got none")
