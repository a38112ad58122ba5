"""Times as people write them."""

import pytest

from carsmoo.utils.durations import duration, seconds_of


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("10m", 600), ("2h", 7200), ("1h30m", 5400), ("1.5h", 5400), (" 2M ", 120), ("1h1m1s", 3661)],
)
def test_a_time_in_hours_minutes_and_seconds(text: str, seconds: float) -> None:
    assert seconds_of("budget", text) == seconds


@pytest.mark.parametrize(
    "text", ["", "10", "m", "10 minutes", "-5m", "0s", "1m1h", "1e3s", "nan", None, 600, "9" * 12 + "h"]
)
def test_what_is_no_time_is_refused_by_name(text: object) -> None:
    with pytest.raises(ValueError, match="budget: expected a time such as 90s, 10m or 1h30m, got"):
        seconds_of("budget", text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 s"),
        (0.52, "0.52 s"),
        (2.96, "3 s"),
        (99.4, "99 s"),
        (99.6, "2 min"),
        (5969.0, "99 min"),
        (5971.0, "1 h 40 min"),
        (7199.0, "2 h 0 min"),
        (360_000.0, "100 h 0 min"),
    ],
)
def test_a_duration_in_words(seconds: float, text: str) -> None:
    assert duration(seconds) == text
