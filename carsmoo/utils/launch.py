"""The environment variables of ``torchrun``: which process of a launch this one is."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass

REQUIRED = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
"""Variables that a launcher of torch.distributed sets for each process."""


@dataclass(frozen=True, kw_only=True)
class Launch:
    """The rank of a process among those launched together; the defaults are those of one by itself.

    Attributes:
        rank: its number among all, from 0.
        size: how many there are.
        local_rank: its number among those of its host, from 0.
        local_size: how many of them its host has.
        hosts: how many hosts they are on.
        restarts: how often the launcher of this host has started them again because one of them failed.
        job: what tells this launch from any other, the same after a restart; empty for one by itself.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1
    hosts: int = 1
    restarts: int = 0
    job: str = ""

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Launch:
        """Return what an environment tells; that of a process by itself unless all of :data:`REQUIRED` is there.

        Raises:
            ValueError: for numbers that are none, or a rank that is not below the size.
        """
        if any(name not in environ for name in REQUIRED):
            return cls()
        rank, size, local = (_number(environ, name) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
        if rank >= size:
            raise ValueError(f"RANK: expected below WORLD_SIZE {size}, got {rank}")
        local_size = _number(environ, "LOCAL_WORLD_SIZE", str(local + 1))
        hosts = _number(environ, "GROUP_WORLD_SIZE", "1")
        restarts = _number(environ, "TORCHELASTIC_RESTART_COUNT", "0")
        job = environ.get("TORCHELASTIC_RUN_ID", "none")
        if job == "none":  # a static launch has no name; its launcher outlives its restarts
            job = f"{socket.gethostname()}:{os.getppid()}"
        where = {"local_rank": local, "local_size": local_size, "hosts": hosts}
        return cls(rank=rank, size=size, restarts=restarts, job=job, **where)

    @classmethod
    def here(cls) -> Launch:
        """Return what this process's environment tells."""
        return cls.of(os.environ)


def _number(environ: Mapping[str, str], name: str, default: str = "") -> int:
    text = environ.get(name, default)
    if not text.isdecimal():
        raise ValueError(f"{name}: expected an integer of at least 0, got {text!r}")
    return int(text)
