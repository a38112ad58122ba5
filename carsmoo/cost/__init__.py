"""What a network costs: parameters, multiply-adds and latency, in closed form and from tables."""

from carsmoo.cost.closed_form import Cost, CostTable, cost, flops, params, supernet_params
from carsmoo.cost.objectives import OBJECTIVES, Objective, Objectives
from carsmoo.space.darts_table import AdditiveTable

__all__ = [
    "OBJECTIVES",
    "AdditiveTable",
    "Cost",
    "CostTable",
    "Objective",
    "Objectives",
    "cost",
    "flops",
    "params",
    "supernet_params",
]
