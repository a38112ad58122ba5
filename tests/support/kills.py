"""Searches in child processes that are killed at any moment: ``python -m tests.support.kills DIR SEED``.

It prints what came of it, and is a process of its own, which forks before torch has computed anything.
"""

import hashlib
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import carsmoo.nets.supernet.problem
import carsmoo.utils.files
from carsmoo.config.search import SearchConfig
from carsmoo.nets.distributed.group import ALONE
from carsmoo.runs.session import Session
from tests.support.runs import DATA, PLAN, SMALL

CONFIG = SearchConfig(data=DATA, network=SMALL, training=PLAN)


def search(path: Path) -> None:
    """Begin a search, or go on with it, and write what came of it."""
    session = Session(path, say=lambda text: None, group=ALONE)
    if (path / "config.toml").is_file():
        session.resume()
    else:
        session.start(CONFIG.updated({"data": "digits", "training": {"batch_size": 256}}))
    session.run()
    state = session.problem.state_dict()
    digests = {name: hashlib.sha256(a.tobytes()).hexdigest() for name, a in state.items()}
    (path / "state.json").write_text(json.dumps(digests))


def count_calls(reached: Callable[[int], None], within: str | None) -> None:
    """Count every call of a function, Python's and C's, and tell the count; ``within`` one module alone if given."""
    n = 0

    def profile(frame: Any, event: str, argument: object) -> None:
        nonlocal n
        if within is None or frame.f_code.co_filename == within:
            n += 1
            reached(n)

    sys.setprofile(profile)


def in_child(path: Path, last: int | None, within: str | None) -> tuple[bool, int]:
    """Search in a child process that kills itself at its ``last`` call; return whether it ended, and its calls."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        calls = 0

        def reached(n: int) -> None:
            nonlocal calls
            calls = n
            if n == last:
                os.kill(os.getpid(), signal.SIGKILL)

        count_calls(reached, within)
        search(path)
        sys.setprofile(None)
        os.write(write, str(calls).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        told = pipe.read()
    _, status = os.waitpid(child, 0)
    if not told and os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
        raise RuntimeError("expected a child that ends or is killed, got one that failed")
    return bool(told), int(told or 0)


def main() -> None:
    path, seed = Path(sys.argv[1]), int(sys.argv[2])
    rng = np.random.default_rng(seed)
    _, all_calls = in_child(path / "whole", None, None)
    _, all_writes = in_child(path / "writes", None, carsmoo.utils.files.__file__)
    kills, ended = 0, False
    while not ended:
        writing = kills % 2 == 1  # every other time within the module that writes checkpoints
        limit = (all_writes if writing else all_calls) // 3
        within = carsmoo.utils.files.__file__ if writing else None
        ended, _ = in_child(path / "killed", int(rng.integers(1, limit)), within)
        kills += not ended
    print(json.dumps({"kills": kills}))


if __name__ == "__main__":
    main()
