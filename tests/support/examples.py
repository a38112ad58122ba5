"""What a user brings, in a script: ``torchrun ... -m tests.support.examples NAME DIR`` stops after a generation."""

import sys
from pathlib import Path
from typing import Any

import torch
from pymoo.optimize import minimize

from carsmoo import PNSGA3, CARSProblem, ChainSpace, Checkpoint, NASBench201Space, Stage
from carsmoo.algorithm.callbacks import Callbacks
from carsmoo.nets.distributed.group import Group, joined
from tests.nets.distributed.test_group import CONFIG
from tests.support.runs import Stop, StopAt
from tests.support.spaces import OWN_CELLS


def fragility(genotype: Any, network: torch.nn.Module) -> float:
    """Return how far noise on an image moves the outputs."""
    clean = torch.linspace(-1, 1, 4 * 64).reshape(4, 1, 8, 8)
    noise = 0.3 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        return float((network(clean + noise) - network(clean)).abs().mean())


OPS = ("skip", "mb_conv_3x3_e2", "nor_conv_3x3")
EXAMPLES: dict[str, dict[str, Any]] = {
    "an operation": {"space": OWN_CELLS},
    "a chain": {"space": ChainSpace(stages=[Stage(width, stride=1 + (width > 1), ops=OPS) for width in (1, 2, 4)])},
    "a cell": {"space": NASBench201Space()},
    "an objective": {"objectives": ("error", "params", fragility)},
}


def search(name: str, group: Group | None = None) -> tuple[CARSProblem, PNSGA3]:
    """Return problem and algorithm of an example."""
    common: dict[str, Any] = {"network": CONFIG.network, "training": CONFIG.training, "seed": 3, "group": group}
    return CARSProblem(CONFIG.data, **EXAMPLES[name], **common), PNSGA3()


def run(name: str, path: Path, group: Group | None = None, stop: int | None = None) -> Any:
    """Search as an example says, to the end or until a generation is over; return pymoo's result."""
    saves = Checkpoint(path, log=True)
    callback = saves if stop is None else Callbacks(saves, StopAt(stop))
    return minimize(*search(name, group), seed=3, callback=callback)


def main() -> None:
    """Run until the first generation is over."""
    name, path = sys.argv[1:]
    torch.set_num_threads(1)
    with joined() as group:
        try:
            run(name, Path(path), group, stop=1)
        except Stop:
            print(f"stopped, {group.size} processes")


if __name__ == "__main__":
    main()
