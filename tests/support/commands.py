"""The command line, called in this process."""

import pytest

from carsmoo.cli.entry import main
from tests.support.runs import DATA

SMOKE = ["--preset", "smoke", "--set", "training.n_generations=1", "--set", "network.channels=2"]
QUICK = [*SMOKE, "--set", f"data={DATA}"]


def call(*argv: object) -> int:
    with pytest.raises(SystemExit) as caught:
        main([str(arg) for arg in argv])
    return int(caught.value.code or 0)
