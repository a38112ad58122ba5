"""pNSGA-III, and the mixin by which pymoo's algorithms evolve on a problem that learns."""

from carsmoo.algorithm.callbacks import Callbacks, RunCallback
from carsmoo.algorithm.continuous import Continuous
from carsmoo.algorithm.display import FrontOutput, relative_hypervolume
from carsmoo.algorithm.pnsga3 import PNSGA3, STATIC_POP_SIZE, das_dennis

__all__ = [
    "PNSGA3",
    "STATIC_POP_SIZE",
    "Callbacks",
    "Continuous",
    "FrontOutput",
    "RunCallback",
    "das_dennis",
    "relative_hypervolume",
]
