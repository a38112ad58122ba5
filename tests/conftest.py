"""Settings for all tests: hypothesis draws the same examples each time, and no example has a deadline."""

from hypothesis import settings

settings.register_profile("fixed", derandomize=True, deadline=None)
settings.load_profile("fixed")
