"""Sampling, crossover and mutation of genotype vectors, and the mix of them that CARS breeds with (sec. 3.3, 4.1).

The operators work on integer vectors whose variables come in groups of equal length, one group a node. They take the
bounds from the problem, so they serve any pymoo genetic algorithm and any space encoded that way.
"""

from carsmoo.operators.duplicates import RowDuplicates, vectors
from carsmoo.operators.mating import ArrayMating, CARSMating, cars_operators, genotype_operators
from carsmoo.operators.variation import GenotypeSampling, NodeCrossover, NodeMutation, integer_bounds

__all__ = [
    "ArrayMating",
    "CARSMating",
    "GenotypeSampling",
    "NodeCrossover",
    "NodeMutation",
    "RowDuplicates",
    "cars_operators",
    "genotype_operators",
    "integer_bounds",
    "vectors",
]
