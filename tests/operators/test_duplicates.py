import numpy as np
from pymoo.core.population import Population

from carsmoo.operators import RowDuplicates
from carsmoo.space.darts import DARTSSpace
from carsmoo.space.genotype import PRIMITIVES


def test_duplicates_compare_meaning_and_treat_both_zeros_alike() -> None:
    pop = Population.new("X", np.array([[0.0, 1.0], [-0.0, 1.0], [2.0, 3.0]]))
    assert len(RowDuplicates().do(pop)) == 2
    assert len(RowDuplicates().do(pop, Population.new("X", np.array([[2.0, 3.0]])))) == 1
    none, sep = PRIMITIVES.index("none"), PRIMITIVES.index("sep_conv_3x3")
    x = np.zeros(24, dtype=int)
    x[3:6] = [0, sep, none]
    y = x.copy()
    y[3] = 1
    twins = Population.new("X", np.array([x, y]))
    assert len(RowDuplicates().do(twins)) == 2
    assert list(RowDuplicates(DARTSSpace().canonical).do(twins)) == [twins[0]]
