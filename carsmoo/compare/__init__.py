"""Comparison of algorithms by problems by seeds: runs, statistics, tables and figures."""

from carsmoo.compare.comparison import REFERENCE, Comparison, Run, Score
from carsmoo.compare.runner import MakeAlgorithm, MakeProblem, WorkerDiedError, compare, same_cost
from carsmoo.compare.statistics import Correlation, holm, rank_correlation, signed_rank, vargha_delaney
from carsmoo.compare.tables import to_csv, to_latex

__all__ = [
    "REFERENCE",
    "Comparison",
    "Correlation",
    "MakeAlgorithm",
    "MakeProblem",
    "Run",
    "Score",
    "WorkerDiedError",
    "compare",
    "holm",
    "rank_correlation",
    "same_cost",
    "signed_rank",
    "to_csv",
    "to_latex",
    "vargha_delaney",
]
