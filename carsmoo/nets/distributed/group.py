"""Several processes that search as one: what they exchange, and how work is spread over them.

Each process (rank) runs the same program on the same random streams. Exchanged are sums of gradients, scores, and what
rank 0 measured; never decisions of the algorithm, which every rank makes alike.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor
from torch.distributed.distributed_c10d import PrefixStore, Store, _get_default_store
from torch.distributed.rendezvous import rendezvous

from carsmoo.utils.launch import Launch
from carsmoo.utils.validation import StoppedError

T = TypeVar("T")


class DisagreementError(RuntimeError):
    """Processes that should hold the same and do not."""


class Group:
    """A process by itself; a subclass is one of several that work together, and all of them call it alike.

    Attributes:
        rank: the number of this process, from 0.
        size: how many there are.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this is rank 0, which alone writes and prints."""
        return self.rank == 0

    def add(self, tensor: Tensor) -> None:
        """Replace a contiguous tensor by its sum over the ranks, in which only the order of addition is open."""
        return

    def gather(self, array: NDArray[Any]) -> list[NDArray[Any]]:
        """Return the arrays of all ranks in their order; they have the same shape and type."""
        return [array]

    def decide(self, find: Callable[[], T]) -> T:
        """Return what rank 0 finds, where JSON can hold it; the others do not look."""
        return find()

    def store(self) -> Store:
        """Return a key-value store of the ranks that holds nothing yet; all call it alike."""
        made: Store = dist.HashStore()  # type: ignore[attr-defined]  # documented, but missing in the stubs
        return made

    def require_same(self, what: str, digest: bytes) -> None:
        """Check that all ranks give the same bytes, as many each.

        Raises:
            DisagreementError: naming the ranks that give others than rank 0 does.
        """
        first, *others = (array.tobytes() for array in self.gather(np.frombuffer(digest, dtype=np.uint8)))
        different = [rank for rank, other in enumerate(others, 1) if other != first]
        if different:
            ranks = ", ".join(map(str, different))
            raise DisagreementError(f"{what}: expected the same on all {self.size} ranks, got others on rank {ranks}")


ALONE = Group()
"""A process by itself."""


class TorchGroup(Group):
    """The processes of ``torch.distributed``, which has to be initialised.

    Gradients are added where they are; the rest goes through the memory of the host where the backend can.

    Raises:
        RuntimeError: if it is not initialised.
    """

    def __init__(self) -> None:
        if not dist.is_initialized():
            raise RuntimeError("group: expected torch.distributed to be initialised, got it not initialised")
        self.rank, self.size = dist.get_rank(), dist.get_world_size()
        self._device = torch.device("cuda" if dist.get_backend() == "nccl" else "cpu")

    def add(self, tensor: Tensor) -> None:
        """Replace a contiguous tensor by its sum over the ranks (all-reduce)."""
        with all_there():
            dist.all_reduce(tensor)

    def gather(self, array: NDArray[Any]) -> list[NDArray[Any]]:
        """Return the arrays of all ranks in their order."""
        own = torch.from_numpy(array.copy()).to(self._device)
        gathered = [torch.empty_like(own) for _ in range(self.size)]
        with all_there():
            dist.all_gather(gathered, own)
        return [part.cpu().numpy() for part in gathered]

    def store(self) -> Store:
        """Return a part, which nobody has used yet, of the store by which the processes found each other."""
        store = _get_default_store()
        with all_there():
            number = self.decide(lambda: store.add("carsmoo/parts", 1))
        return PrefixStore(f"carsmoo/part/{number}", store)

    def decide(self, find: Callable[[], T]) -> T:
        """Return what rank 0 finds, sent as JSON.

        Raises:
            ValueError: on the others if rank 0 raises for something that is wrong with the input.
        """
        if not self.is_main:
            sent = json.loads(self._send(b""))
            if "wrong" in sent:
                raise ValueError(sent["wrong"])
            found: T = sent["found"]
            return found
        try:
            text = json.dumps({"found": find()})
        except (ValueError, TypeError, OSError) as error:
            self._send(json.dumps({"wrong": str(error)}).encode())
            raise
        decided: T = json.loads(self._send(text.encode()))["found"]
        return decided

    def _send(self, text: bytes) -> bytes:
        """Return the text of rank 0."""
        length = torch.tensor(len(text), device=self._device)
        with all_there():
            dist.broadcast(length, 0)
            content = torch.empty(int(length), dtype=torch.uint8, device=self._device)
            if self.is_main:
                content.copy_(torch.frombuffer(bytearray(text), dtype=torch.uint8))
            dist.broadcast(content, 0)
        return content.cpu().numpy().tobytes()


def current() -> Group:
    """Return the group of this process: that of ``torch.distributed`` if it is initialised, else one by itself.

    Raises:
        RuntimeError: if the process was launched with others and has not joined them yet.
    """
    if dist.is_available() and dist.is_initialized():
        return TorchGroup() if dist.get_world_size() > 1 else ALONE
    launch = Launch.here()
    if launch.size > 1:
        raise RuntimeError(
            f"group: expected one of the {launch.size} processes that were launched to join the others first, by "
            "torch.distributed.init_process_group() or carsmoo.nets.distributed.group.joined(); or group=Group() to "
            "work alone"
        )
    return ALONE


@contextmanager
def joined(device: str | None = None) -> Iterator[Group]:
    """Join the processes that ``torchrun`` launched, for as long as the context lasts; a process by itself stays so.

    Gradients travel by nccl where they are on CUDA devices, one for each process of a host, else by gloo.

    Args:
        device: where will be computed, see ``carsmoo.nets.models.device.pick``.

    Raises:
        ValueError: if there are fewer CUDA devices than processes on this host, or all are to take the same one.
        StoppedError: if not all come.
    """
    launch = Launch.here()
    if launch.size == 1:
        yield ALONE
        return
    if device is not None and device.startswith("cuda:"):
        raise ValueError(f"device: expected cuda, of which each of {launch.size} processes takes one, got {device!r}")
    cuda = torch.cuda.is_available() and (device is None or device == "cuda")
    if cuda:
        devices = torch.cuda.device_count()
        if launch.local_size > devices:
            raise ValueError(
                f"device: expected a CUDA device for each of a host's {launch.local_size} processes, got {devices}"
            )
        torch.cuda.set_device(launch.local_rank)
    backend = "cpu:gloo,cuda:nccl" if cuda else "gloo"
    with all_there():
        if launch.hosts == 1:  # the launcher keeps one store over its restarts, with the addresses of the dead in it
            store, *_ = next(rendezvous("env://", launch.rank, launch.size))
            apart = PrefixStore(f"attempt/{launch.restarts}", store)
            dist.init_process_group(backend, store=apart, rank=launch.rank, world_size=launch.size)
        else:  # each host counts restarts by itself
            dist.init_process_group(backend)
    try:
        yield TorchGroup()
    finally:
        dist.destroy_process_group()


@contextmanager
def all_there() -> Iterator[None]:
    """Tell it in a line when a process that is waited for does not answer."""
    try:
        yield
    except RuntimeError as error:  # what gloo raises has no type of its own
        reason = str(error).strip().partition("\n")[0].partition(". This is typically")[0]
        raise StoppedError(f"group: expected an answer of all processes, got none of one ({reason})") from error


def shards(costs: Sequence[float], n: int) -> list[list[int]]:
    """Return which jobs each of ``n`` workers does, so that the longest takes little longer than it must.

    The most costly job goes first, each to the worker with the least so far (Graham's LPT rule: at most 4/3 of the best
    possible). Ties go to the first job and the first worker, so that all ranks find the same.

    Args:
        costs: expected cost of each job, at least 0, in any unit.
        n: workers, at least 1.

    Returns:
        For each worker the indices of its jobs, ascending; each job is in one list.

    Raises:
        ValueError: for fewer than one worker.
    """
    if n < 1:
        raise ValueError(f"n: expected at least 1 worker, got {n}")
    loads, found = [0.0] * n, [list[int]() for _ in range(n)]
    for job in sorted(range(len(costs)), key=lambda k: (-costs[k], k)):
        worker = min(range(n), key=lambda w: (loads[w], len(found[w]), w))
        loads[worker] += costs[job]
        found[worker].append(job)
    return [sorted(jobs) for jobs in found]


def spread(costs: Sequence[float], images: int, n: int, parts: int = 1) -> list[list[tuple[int, slice]]]:
    """Return for each of ``n`` workers its share of a training step: (architecture, images of the batch) pairs.

    Each architecture has a pass for each part of the batch. Workers take whole parts, with all architectures, where the
    parts come out even, so that all have the same to do; else passes, the most costly first. Where there are fewer
    passes than workers, each architecture's batch is split further. Parts are of nearly equal size and of two images at
    least, which batch norm needs; a worker that is left over gets nothing.

    Args:
        costs: expected cost of each architecture.
        images: images of the batch, for each architecture.
        n: workers, at least 1.
        parts: parts of the batch, at least 1; fewer if there are too few images.

    Returns:
        For each worker its passes, those on the same part next to each other.
    """
    pieces = _pieces(images, parts)
    if len(pieces) % n == 0:
        return [[(k, piece) for piece in pieces[worker::n] for k in range(len(costs))] for worker in range(n)]
    passes = [(k, piece) for piece in pieces for k in range(len(costs))]
    if len(passes) >= n:
        return [[passes[job] for job in jobs] for jobs in shards([costs[k] for k, _ in passes], n)]
    found: list[list[tuple[int, slice]]] = []
    for worker in range(n):
        k, piece = worker % len(costs), worker // len(costs)
        pieces = _pieces(images, len(range(k, n, len(costs))))
        found.append([(k, pieces[piece])] if piece < len(pieces) else [])
    return found


def _pieces(images: int, parts: int) -> list[slice]:
    parts = max(min(parts, images // 2), 1)
    ends = [images * i // parts for i in range(parts + 1)]
    return [slice(begin, end) for begin, end in pairwise(ends)]
