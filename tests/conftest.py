"""Settings for all tests: hypothesis draws the same examples each time, and no example has a deadline.

What is measured of the machine is remembered for the time of the tests only.
"""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("fixed", derandomize=True, deadline=None)
settings.load_profile("fixed")


def pytest_configure() -> None:
    usual = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    os.environ.setdefault("MPLCONFIGDIR", str(Path(usual) / "matplotlib"))  # matplotlib's list of fonts takes seconds
    os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="carsmoo-tests-")


def pytest_unconfigure() -> None:
    import shutil

    shutil.rmtree(os.environ["XDG_CACHE_HOME"], ignore_errors=True)


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw no pictures, which take as long as a small search, in a test that is about something else."""
    from carsmoo import plots

    monkeypatch.setattr(plots, "save_both", lambda drawn, path: None)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Compute with as many threads as processes do that a test launches."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
