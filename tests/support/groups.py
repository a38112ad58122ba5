"""Several ranks as threads of one process: what a group exchanges, without a network."""

import copy
import threading
from collections.abc import Callable
from itertools import count
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor

from carsmoo.nets.distributed.group import Group

T = TypeVar("T")


class Table:
    """Where the ranks lay what they give, and take what the others gave."""

    def __init__(self, size: int) -> None:
        self.store, self.parts = dist.HashStore(), count()
        self.places: list[Any] = [None] * size
        self.barrier = threading.Barrier(size)

    def exchange(self, rank: int, given: Any) -> list[Any]:
        self.places[rank] = given
        self.barrier.wait(60)
        taken = list(self.places)
        self.barrier.wait(60)
        return taken


class ThreadGroup(Group):
    """One of several threads that work together."""

    def __init__(self, rank: int, size: int, table: Table) -> None:
        self.rank, self.size, self.table = rank, size, table

    def add(self, tensor: Tensor) -> None:
        first, *others = self.table.exchange(self.rank, tensor.clone())
        total = first.clone()
        for other in others:
            total += other
        tensor.copy_(total)

    def gather(self, array: NDArray[Any]) -> list[NDArray[Any]]:
        return self.table.exchange(self.rank, np.array(array))

    def store(self) -> dist.Store:
        return dist.PrefixStore(str(self.decide(lambda: next(self.table.parts))), self.table.store)

    def decide(self, find: Callable[[], T]) -> T:
        found: T = self.table.exchange(self.rank, find() if self.is_main else None)[0]
        return copy.deepcopy(found)


def together(size: int, work: Callable[[Group], T]) -> list[T]:
    """Return what each of some ranks, a thread each that computes by itself, makes of its group."""
    table, results, failures = Table(size), [None] * size, []

    def run(rank: int) -> None:
        torch.set_num_threads(1)
        try:
            results[rank] = work(ThreadGroup(rank, size, table) if size > 1 else Group())  # type: ignore[call-overload]
        except BaseException as error:
            failures.append(error)
            table.barrier.abort()

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    real = [error for error in failures if not isinstance(error, threading.BrokenBarrierError)]
    if failures:
        raise (real or failures)[0]
    return results  # type: ignore[return-value]
