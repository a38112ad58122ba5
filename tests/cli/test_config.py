import pytest
from rich.console import Console

from carsmoo.cli.entry import main
from carsmoo.config.documented import settings_of
from carsmoo.config.retraining import TrainingRecipe
from carsmoo.config.search import SearchConfig

SETTING = 43
"""Width of the first column of a search's settings."""


def told(capsys: pytest.CaptureFixture[str], *argv: str) -> list[str]:
    with pytest.raises(SystemExit) as caught:
        main(["config", *argv])
    assert not caught.value.code
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("argv", "config"),
    [
        ([], SearchConfig()),
        (["--preset", "cifar10-paper"], SearchConfig.preset("cifar10-paper")),
        (["--recipe", "imagenet"], TrainingRecipe.preset("imagenet")),
    ],
)
def test_without_a_terminal_each_setting_is_a_whole_line(
    argv: list[str],
    config: SearchConfig | TrainingRecipe,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    _, *lines = told(capsys, *argv)
    found = list(settings_of(config))
    assert len(lines) == len(found)
    for line, one in zip(lines, found, strict=True):
        setting, _, rest = line.strip().partition("  ")
        assert setting == (one.key if one.value is None else f"{one.key} = {one.value}")
        assert rest.strip() == f"{one.kind}: {one.meaning}"


def test_a_terminal_shows_it_within_its_width(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Console, "is_terminal", True)
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", "80")
    lines = told(capsys)
    assert max(map(len, lines)) <= 80
    words = [word for one in settings_of(SearchConfig()) for word in f"{one.kind}: {one.meaning}".split()]
    assert [word for line in lines[1:] for word in line[SETTING:].split()] == words
    assert any(line.startswith(' training.memory_format = "channels_last"') for line in lines)
