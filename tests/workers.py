"""A search under torchrun of which rank 1 is killed once: ``torchrun ... -m tests.workers DIR STEP``."""

import os
import signal
import sys
from pathlib import Path

from carsmoo.cli import main
from carsmoo.launch import Launch
from carsmoo.nets.training import SupernetTrainer
from tests.test_distributed import CONFIG


def kill_at(step: int) -> None:
    """Kill this process in the middle of a training step, after its gradients are there."""
    original = SupernetTrainer._start_momentum

    def start(self: SupernetTrainer, parameters: object) -> None:
        if self.steps == step:
            os.kill(os.getpid(), signal.SIGKILL)
        original(self, parameters)  # type: ignore[arg-type]

    SupernetTrainer._start_momentum = start  # type: ignore[method-assign, assignment]


if __name__ == "__main__":
    path, launch = Path(sys.argv[1]), Launch.here()
    config = path.with_name(f"rank{launch.rank}.toml")
    config.write_text(CONFIG.to_toml())
    if (launch.rank, launch.restarts) == (1, 0):
        kill_at(int(sys.argv[2]))
    main(["search", "--config", str(config), "--out", str(path)])
