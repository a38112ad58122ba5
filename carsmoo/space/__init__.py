"""The spaces of architectures: vectors, architectures, their text, and fronts of them."""

from carsmoo.space.architecture import Architecture
from carsmoo.space.chain import ChainSpace, Stage, mb_convs
from carsmoo.space.darts import GENES_PER_NODE, DARTSSpace
from carsmoo.space.frame import classifier_vertex, stem_vertices
from carsmoo.space.front import Front
from carsmoo.space.genotype import PRIMITIVES, Edge, Genotype
from carsmoo.space.graph import Layer, Vertex, reaching_the_end
from carsmoo.space.nas_bench_201 import NASBench201Space
from carsmoo.space.search_space import SearchSpace

__all__ = [
    "GENES_PER_NODE",
    "PRIMITIVES",
    "Architecture",
    "ChainSpace",
    "DARTSSpace",
    "Edge",
    "Front",
    "Genotype",
    "Layer",
    "NASBench201Space",
    "SearchSpace",
    "Stage",
    "Vertex",
    "classifier_vertex",
    "mb_convs",
    "reaching_the_end",
    "stem_vertices",
]
