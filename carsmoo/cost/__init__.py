"""What a network costs: parameters, multiply-adds and latency, in closed form and from tables."""

from carsmoo.cost.closed_form import Cost, CostTable, cost, flops, params, supernet_params
from carsmoo.cost.lookup import AdditiveTable
from carsmoo.cost.objectives import OBJECTIVES, Objective, Objectives

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
