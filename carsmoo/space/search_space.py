"""What a space of architectures is to the rest of the package."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from carsmoo.space.architecture import Architecture, SpaceArchitecture
from carsmoo.space.graph import Layer, Vertex
from carsmoo.space.operation import Operation
from carsmoo.space.picture import Picture, picture_of_graph, picture_of_text
from carsmoo.space.plain import plain_of, text_in_json
from carsmoo.space.words import cells_in_words
from carsmoo.utils.trees import brief
from carsmoo.utils.validation import array, short, shown

if TYPE_CHECKING:
    from carsmoo.config.network import NetworkConfig

LookUp: TypeAlias = Callable[[ArrayLike], NDArray[np.int64]]
"""Returns a cost of each row of vectors (n, n_var), (n,)."""


class SearchSpace(ABC):
    """A space of architectures as integer vectors, each of which within the bounds is an architecture.

    A space of one's own gives :attr:`xu`, :attr:`ops`, :meth:`graph` and :meth:`text`, and :meth:`genes` to read a text
    again; costs, latency, supernet, scoring, training, export and exact resume follow from the graph. It is to be
    compared and hashed by its arguments, as a frozen dataclass is, and :func:`carsmoo.testing.check_space` checks it.

    Example:
        >>> from carsmoo import ChainSpace, DARTSSpace, NASBench201Space, SearchSpace
        >>> [isinstance(space, SearchSpace) for space in (DARTSSpace(), NASBench201Space(), ChainSpace())]
        [True, True, True]
    """

    genes_per_choice: int = 1
    """Variables that crossover and mutation keep together."""

    @property
    @abstractmethod
    def xu(self) -> NDArray[np.int64]:
        """Upper bounds, (n_var,), inclusive; the lower are zero."""

    @property
    @abstractmethod
    def ops(self) -> tuple[str, ...]:
        """The operations that may occur."""

    @abstractmethod
    def graph(self, architecture: Any, network: NetworkConfig) -> tuple[Vertex, ...]:
        """Return an architecture's layers in such a network, each after those that it reads, the classifier last.

        A slot's layer is the same in every architecture that has it.
        """

    @abstractmethod
    def text(self, genes: tuple[int, ...]) -> str:
        """Return the text of a canonical vector."""

    def genes(self, text: str) -> Iterable[int]:
        """Return the vector of a text.

        Raises:
            ValueError: if it is none of this space.
        """
        raise NotImplementedError(f"space: expected {type(self).__name__} to have genes(text), got one without")

    @property
    def n_var(self) -> int:
        """Length of a vector."""
        return len(self.xu)

    @property
    def xl(self) -> NDArray[np.int64]:
        """Lower bounds, (n_var,), all zero."""
        return np.zeros(self.n_var, dtype=np.int64)

    @property
    def n_vectors(self) -> int:
        """Number of vectors within the bounds."""
        return int(np.prod([int(u) + 1 for u in self.xu], dtype=object))

    @property
    def own_operations(self) -> tuple[Operation, ...]:
        """The operations of one's own."""
        return tuple(op for op in self.ops if isinstance(op, Operation))

    def encode(self, genotype: Any) -> NDArray[np.int64]:
        """Return the canonical vector of an architecture, (n_var,), or of several, (n, n_var).

        Raises:
            TypeError: for anything else.
            ValueError: if an architecture lies outside this space.
        """
        if isinstance(genotype, Architecture):
            return self._encoded(genotype)
        if isinstance(genotype, str) or not isinstance(genotype, Iterable):
            raise TypeError(f"genotype: expected an architecture or several, got {shown(genotype)}")
        rows = [self._encoded(one) for one in genotype]
        return np.array(rows, dtype=np.int64).reshape(len(rows), self.n_var)

    def decode(self, x: ArrayLike) -> Any:
        """Return the architecture of a vector, (n_var,), or the list of those of several, (n, n_var).

        Raises:
            ValueError: if ``x`` has another length, is not integer or leaves the bounds.
        """
        X = array("X", x)
        found = [SpaceArchitecture(self, tuple(row)) for row in self.canonical(np.atleast_2d(X)).tolist()]
        return found[0] if X.ndim == 1 else found

    def canonical(self, X: ArrayLike) -> NDArray[np.int64]:
        """Return the one vector of each architecture, (n, n_var) or (n_var,).

        Raises:
            ValueError: as :meth:`decode`.
        """
        X = array("X", X)
        Y = self.check(np.atleast_2d(X)).copy()
        return Y.reshape(self.n_var) if X.ndim == 1 else Y

    def features(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return numbers that tell architectures apart, (n, k), to which main effects are fitted.

        They are 1 for the value of each variable of the canonical vector, 0 for the others.

        Raises:
            ValueError: as :meth:`decode`.
        """
        columns = np.atleast_2d(self.canonical(X)).T
        values = [column[:, None] == np.arange(high + 1) for column, high in zip(columns, self.xu, strict=True)]
        return np.hstack(values).astype(np.float64)

    def check(self, X: ArrayLike) -> NDArray[np.int64]:
        """Return ``X`` as integers, (n, n_var).

        Raises:
            ValueError: if the shape is another, a value is not a whole number, or one lies outside ``xl..xu``.
        """
        A = array("X", X)
        if A.ndim != 2 or A.shape[1] != self.n_var:
            raise ValueError(f"X: expected (n, {self.n_var}), got {A.shape}")
        floating = np.issubdtype(A.dtype, np.floating)
        if not (np.issubdtype(A.dtype, np.integer) or (floating and np.array_equal(A, np.floor(A)))):
            raise ValueError(f"X: expected whole numbers, got {A[np.floor(A) != A][0] if floating else A.dtype}")
        outside = (self.xl > A) | (self.xu < A)
        if outside.any():
            row, gene = np.argwhere(outside)[0]
            raise ValueError(f"X[{row}, {gene}]: expected 0..{self.xu[gene]}, got {A[row, gene]}")
        return A.astype(np.int64, copy=False)

    def parse(self, text: str) -> Any:
        """Return the architecture of a text that ``str`` made of it.

        Raises:
            ValueError: if it is none of this space.
        """
        if not isinstance(text, str):
            raise TypeError(f"architecture: expected a text, got {shown(text)}")
        try:
            genes = np.array(list(self.genes(text)), dtype=np.int64)
        except NotImplementedError:
            raise
        except Exception as error:
            if isinstance(error, ValueError) and str(error).startswith("architecture:"):
                raise
            told = f"{short(text)} ({brief(error)})"
            raise ValueError(f"architecture: expected a text of {type(self).__name__}, got {told}") from error
        return self.decode(genes)

    def from_json(self, text: str) -> Any:
        """Return the architecture that its ``to_json`` wrote.

        Raises:
            ValueError: if the text is none of this space.
        """
        return self.parse(text_in_json(text, self.to_plain()))

    def to_plain(self) -> dict[str, Any]:
        """Return kind and arguments, but for those that are None, as plain data.

        A space that is no dataclass tells its kind alone.
        """
        return plain_of(self)

    def fingerprint(self) -> dict[str, Any]:
        """Return what a run that goes on must find as it was, as plain data: also operations and bounds."""
        return {**self.to_plain(), "ops": list(map(str, self.ops)), "xu": self.xu.tolist()}

    def layers(self, architecture: Any, network: NetworkConfig) -> Iterable[tuple[Layer, bool]]:
        """Yield each layer that an architecture's network holds, and whether it runs."""
        return ((vertex.layer, vertex.runs) for vertex in self.graph(architecture, network))

    def places(self, network: NetworkConfig) -> Mapping[str, Layer]:
        """Return the layers that a supernet holds by their slots, in the order in which it holds them.

        They are found in architectures that have all values of each gene: a space in which a slot hangs on more than
        one gene says them itself.
        """
        return {vertex.slot: vertex.layer for vertex in self._vertices(network) if vertex.slot}

    def layers_needed(self, network: NetworkConfig) -> list[Layer]:
        """Return the layers that networks of the space can run, each once."""
        return list(dict.fromkeys([*self.places(network).values(), *(v.layer for v in self._vertices(network))]))

    def look_up(self, network: NetworkConfig, cost: Callable[[Layer, bool], int]) -> LookUp:
        """Return what sums a cost over the layers of each row's network; ``cost`` is that of a layer that runs or not.

        Raises:
            ValueError: where it is called with anything but vectors of this space, or 64 bits do not hold a cost.
        """

        def total(X: ArrayLike) -> NDArray[np.int64]:
            known: dict[tuple[Layer, bool], int] = {}
            sums = []
            for architecture in self.decode(self.check(X)):
                pairs = list(architecture.layers(network))
                for pair in pairs:
                    if pair not in known:
                        known[pair] = cost(*pair)
                sums.append(sum(known[pair] for pair in pairs))
            if max(sums, default=0) > 2**62:
                raise ValueError(f"network: expected costs below 2**62, got those of {network.channels} channels")
            return np.array(sums, dtype=np.int64)

        return total

    def kept(self, network: NetworkConfig) -> int:
        """Return how many numbers, for an image, a step of training keeps for the way back, at least."""
        sizes: list[int] = [architecture.kept(network) for architecture in self.covering()]
        return min(sizes)

    def widest(self, network: NetworkConfig) -> int:
        """Return the most numbers that a layer reads from one other for an image."""
        sizes: list[int] = [layer.c_in * layer.height * layer.width for layer in self.layers_needed(network)]
        return max(sizes)

    @property
    def options(self) -> float:
        """How many operations a place chooses among, typically: an operation is trained in one of so many steps."""
        return float(np.median(self.xu + 1))

    def spread(self, n: int, random_state: np.random.Generator) -> NDArray[np.int64]:
        """Return ``n`` random vectors, (n, n_var), each with likings of its own among values, some of almost one."""
        X = np.empty((n, self.n_var), dtype=np.int64)
        most = int(self.xu.max()) + 1
        for row in X:
            chances = random_state.dirichlet(np.full(most, 0.5))
            for gene, high in enumerate(self.xu):
                own = chances[: high + 1] + 1e-12  # a liking of its own may be for values that this gene has not
                row[gene] = random_state.choice(high + 1, p=own / own.sum())
        return X

    def drawn(self, architecture: Any, network: NetworkConfig | None = None) -> list[Picture]:
        """Return the pictures that show an architecture: its layers in a network, or its text where none is given."""
        text = str(architecture)
        return [picture_of_text(text) if network is None else picture_of_graph(self.graph(architecture, network), text)]

    def depth_in_words(self, network: NetworkConfig) -> str:
        """Return how deep and wide its networks are: ``5 cells of 8 channels``."""
        return cells_in_words(network)

    def operators(self) -> dict[str, Any]:
        """Return the operators that breed its vectors, by the names of pymoo's ``GeneticAlgorithm``."""
        found: dict[str, Any] = import_module("carsmoo.operators").genotype_operators(self)
        return found

    def build_supernet(self, network: NetworkConfig, generator: Any) -> Any:
        """Return the shared weights of all architectures, drawn from a torch generator."""
        return import_module("carsmoo.nets.models.graph_supernet").GraphSupernet(self, network, generator)

    def build_network(self, architecture: Architecture, network: NetworkConfig) -> Any:
        """Return the stand-alone network of an architecture.

        Raises:
            ValueError: if it lies outside this space.
        """
        self.encode(architecture)
        return architecture.build(network)

    def covering(self) -> list[Any]:
        """Return architectures that have each value of each gene."""
        values: NDArray[np.int64] = np.arange(int(self.xu.max(initial=0)) + 1)[:, None]
        return list(dict.fromkeys(self.decode(np.minimum(values, self.xu))))

    def _vertices(self, network: NetworkConfig) -> Iterable[Vertex]:
        return (vertex for architecture in self.covering() for vertex in architecture.graph(network))

    def _encoded(self, genotype: Any) -> NDArray[np.int64]:
        if not isinstance(genotype, SpaceArchitecture) or genotype.space != self:
            of = f"one of {genotype.space}" if isinstance(genotype, SpaceArchitecture) else type(genotype).__name__
            raise ValueError(f"genotype: expected an architecture of {self}, got {of}")
        return np.array(genotype.genes, dtype=np.int64)
