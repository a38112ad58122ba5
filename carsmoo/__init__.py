"""carsmoo: neural architecture search with a training supernet, as an ordinary pymoo problem.

```python
from pymoo.optimize import minimize
from carsmoo import CARSProblem, PNSGA3

problem = CARSProblem()
res = minimize(problem, PNSGA3())
front = problem.front(res)
```
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from carsmoo.algorithm import PNSGA3
    from carsmoo.checkpoint import Checkpoint
    from carsmoo.config import NetworkConfig, SupernetTraining
    from carsmoo.continuous import Continuous
    from carsmoo.front import Front
    from carsmoo.genotype import DARTSSpace, Genotype
    from carsmoo.nets.network import Network
    from carsmoo.nets.problem import CARSProblem
    from carsmoo.nets.saved import load
    from carsmoo.problems.moving import MovingProblem
    from carsmoo.snapshot import resume

_HOME = {
    "CARSProblem": "carsmoo.nets.problem",
    "Checkpoint": "carsmoo.checkpoint",
    "Continuous": "carsmoo.continuous",
    "DARTSSpace": "carsmoo.genotype",
    "Front": "carsmoo.front",
    "Genotype": "carsmoo.genotype",
    "MovingProblem": "carsmoo.problems.moving",
    "Network": "carsmoo.nets.network",
    "NetworkConfig": "carsmoo.config",
    "PNSGA3": "carsmoo.algorithm",
    "SupernetTraining": "carsmoo.config",
    "load": "carsmoo.nets.saved",
    "resume": "carsmoo.snapshot",
}

__all__ = [
    "PNSGA3",
    "CARSProblem",
    "Checkpoint",
    "Continuous",
    "DARTSSpace",
    "Front",
    "Genotype",
    "MovingProblem",
    "Network",
    "NetworkConfig",
    "SupernetTraining",
    "load",
    "resume",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that torch is loaded only where it is needed."""
    if name not in _HOME:
        raise AttributeError(f"module 'carsmoo' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
