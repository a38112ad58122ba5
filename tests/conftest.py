"""Settings for all tests: hypothesis draws the same examples each time, and no example has a deadline.

What is measured of the machine is remembered for the time of the tests only.
"""

import os
import tempfile

from hypothesis import settings

settings.register_profile("fixed", derandomize=True, deadline=None)
settings.load_profile("fixed")


def pytest_configure() -> None:
    os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="carsmoo-tests-")


def pytest_unconfigure() -> None:
    import shutil

    shutil.rmtree(os.environ["XDG_CACHE_HOME"], ignore_errors=True)
