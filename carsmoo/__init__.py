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
    from carsmoo.algorithm.continuous import Continuous as Continuous
    from carsmoo.algorithm.pnsga3 import PNSGA3 as PNSGA3
    from carsmoo.config.network import NetworkConfig as NetworkConfig
    from carsmoo.config.supernet import SupernetTraining as SupernetTraining
    from carsmoo.nets.models.network import Network as Network
    from carsmoo.nets.models.serialization import load as load
    from carsmoo.nets.supernet.problem import CARSProblem as CARSProblem
    from carsmoo.problems.moving import MovingProblem as MovingProblem
    from carsmoo.problems.trust import Trust as Trust
    from carsmoo.runs.checkpoint import Checkpoint as Checkpoint
    from carsmoo.runs.logger import LoggerCallback as LoggerCallback
    from carsmoo.runs.resume import resume as resume
    from carsmoo.space.chain import ChainSpace as ChainSpace
    from carsmoo.space.chain import Stage as Stage
    from carsmoo.space.darts import DARTSSpace as DARTSSpace
    from carsmoo.space.front import Front as Front
    from carsmoo.space.genotype import Genotype as Genotype
    from carsmoo.space.nas_bench_201 import NASBench201Space as NASBench201Space
    from carsmoo.space.operation import Operation as Operation
    from carsmoo.space.search_space import SearchSpace as SearchSpace

_HOME = {
    "CARSProblem": "carsmoo.nets.supernet.problem",
    "ChainSpace": "carsmoo.space.chain",
    "Checkpoint": "carsmoo.runs.checkpoint",
    "Continuous": "carsmoo.algorithm.continuous",
    "DARTSSpace": "carsmoo.space.darts",
    "Front": "carsmoo.space.front",
    "Genotype": "carsmoo.space.genotype",
    "LoggerCallback": "carsmoo.runs.logger",
    "MovingProblem": "carsmoo.problems.moving",
    "NASBench201Space": "carsmoo.space.nas_bench_201",
    "Network": "carsmoo.nets.models.network",
    "NetworkConfig": "carsmoo.config",
    "Operation": "carsmoo.space.operation",
    "PNSGA3": "carsmoo.algorithm",
    "SearchSpace": "carsmoo.space.search_space",
    "Stage": "carsmoo.space.chain",
    "SupernetTraining": "carsmoo.config",
    "Trust": "carsmoo.problems.trust",
    "load": "carsmoo.nets.models.serialization",
    "resume": "carsmoo.runs.resume",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that torch is loaded only where it is needed."""
    if name not in _HOME:
        raise AttributeError(f"module 'carsmoo' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
