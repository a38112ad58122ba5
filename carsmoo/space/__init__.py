"""The space of architectures: genotypes, their text, and fronts of them."""

from carsmoo.space.front import Front
from carsmoo.space.genotype import GENES_PER_NODE, PRIMITIVES, DARTSSpace, Edge, Genotype

__all__ = [
    "GENES_PER_NODE",
    "PRIMITIVES",
    "DARTSSpace",
    "Edge",
    "Front",
    "Genotype",
]
