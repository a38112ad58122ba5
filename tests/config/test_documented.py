from dataclasses import dataclass
from typing import Literal

import pytest

from carsmoo.config.documented import arguments, settings_of
from carsmoo.config.fields import setting
from carsmoo.config.retraining import TrainingRecipe
from carsmoo.config.search import SearchConfig
from carsmoo.config.toml import parse_settings
from carsmoo.space.chain import ChainSpace
from carsmoo.space.nas_bench_201 import NASBench201Space


@dataclass(frozen=True)
class Inner:
    """An inner one."""

    rate: float = setting(0.5, 0, 1, open_low=True)
    free: float = setting(0.5, open_low=True)


@dataclass(frozen=True)
class Sample:
    """A sample.

    Args:
        count: how many; see :class:`~carsmoo.PNSGA3` and
            :mod:`carsmoo.nets.data`: both.

            A second paragraph.
        kind: ``"a"`` or ``"b"``.
        inner: more.

    Raises:
        name: no argument.
    """

    count: int = setting(3, 2, 9)
    kind: Literal["a", "b"] = "a"
    some: int | Literal["all"] = setting(0, 0)
    name: str | None = None
    sizes: tuple[int, int] = (1, 2)
    many: tuple[str, ...] = ("x", 'y"z')
    on: bool = True
    below: float = setting(0.0, 0, 1, open_high=True)
    inner: Inner = Inner()


def test_each_setting_has_its_value_type_and_meaning() -> None:
    assert [tuple(found) for found in settings_of(Sample())] == [
        (
            "count",
            "3",
            "integer, at least 2, at most 9",
            "how many; see PNSGA3 and carsmoo.nets.data: both. A second paragraph.",
        ),
        ("kind", '"a"', "a or b", '"a" or "b".'),
        ("some", "0", "integer, at least 0, or all", ""),
        ("name", None, "text; need not be given", ""),
        ("sizes", "[1, 2]", "list of 2 integers", ""),
        ("many", '["x", "y\\"z"]', "list of texts", ""),
        ("on", "true", "true or false", ""),
        ("below", "0.0", "number, at least 0, below 1", ""),
        ("inner.rate", "0.5", "number, above 0, at most 1", ""),
        ("inner.free", "0.5", "number, above 0", ""),
    ]


def test_a_class_without_arguments_or_docstring_tells_none() -> None:
    assert arguments(Inner) == arguments(type("Bare", (), {})) == {}


@pytest.mark.parametrize(
    "config",
    [
        *map(SearchConfig.preset, ("demo", "clutter", "cifar10-paper", "smoke")),
        SearchConfig(space=NASBench201Space()),
        SearchConfig(space=ChainSpace()),
        *map(TrainingRecipe.preset, ("quick", "cifar", "imagenet")),
    ],
)
def test_all_settings_mean_something_and_make_the_configuration_again(config: SearchConfig | TrainingRecipe) -> None:
    found = list(settings_of(config))
    assert [one.key for one in found if not one.meaning] == []
    given = parse_settings(f"{one.key}={one.value}" for one in found if one.value is not None)
    unlike = {"data": "mnist", "training": {"pop_size": 7}} if isinstance(config, SearchConfig) else {"epochs": 7}
    assert config.updated(unlike) != config
    assert config.updated(unlike).updated(given) == config


def test_settings_of_other_spaces_are_told_with_the_kind_that_has_them() -> None:
    found = {one.key: one for one in settings_of(SearchConfig())}
    assert found["space.kind"].value == '"DARTSSpace"'
    assert "ChainSpace.nas_bench_macro" in found["space.kind"].kind
    width = found["space.stages[].width"]
    assert (width.value, width.kind) == (None, "of ChainSpace: number, above 0")
