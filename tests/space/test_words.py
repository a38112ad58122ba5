import pytest

from carsmoo.space.words import Column, brief, count, counted, main_axes, operations, provenance, score_among, score_of


@pytest.mark.parametrize(
    ("unit", "values", "told"),
    [
        ("fraction", [0.0721, 0.5], "x 7.21 to 50.00 %"),
        ("millions", [0.0163, 0.0241], "x 16.30 to 24.10 k"),
        ("millions", [0.0163, 2.1], "x 0.016 to 2.100 M"),
        ("millions", [0.00085], "x 850.0"),
        ("millions", [], "x"),
        ("millions", [0.0, 0.0], "x 0.000"),
        ("millions", [1e305], "x inf"),
        ("millions of multiply-adds", [3421.0], "x 3.421 G"),
        ("millions of multiply-adds", [1e-9], "x 0.001000"),
        ("millions of multiply-adds", [1e9], "x 1000 T"),
        ("ms", [0.25, 0.5], "x 250.0 to 500.0 µs"),
        ("ms", [12.0], "x 12.00 ms"),
        ("ms", [1500.0], "x 1.500 s"),
        ("", [12000.0, 3.0], "x 3 to 12000"),
        ("percent", [-2.5], "x -2.500 percent"),
    ],
)
def test_values_are_told_in_engineering_units(unit: str, values: list[float], told: str) -> None:
    assert Column.of("x", unit, values).span(values) == told


def test_a_column_has_one_unit_for_all_its_values() -> None:
    column = Column.of("params", "millions", [0.016, 0.5])
    assert (column.label, column.number(0.016)) == ("parameters (k)", "16.0")
    assert column.text(0.5) == "500.0\N{NO-BREAK SPACE}k"
    assert Column.of("convolutions", "", [3.0]).label == "convolutions"


def test_a_count_is_told_in_engineering_units() -> None:
    assert [count(n).replace("\N{NO-BREAK SPACE}", " ") for n in (850, 16_300, 3_421_000)] == [
        "850.0",
        "16.30 k",
        "3.421 M",
    ]


def test_one_of_something_is_told_in_the_singular_and_none_in_the_plural() -> None:
    assert [counted(n, "epoch") for n in (0, 1, 2)] == ["0 epochs", "1 epoch", "2 epochs"]


def test_the_error_goes_along_y() -> None:
    assert [main_axes(names) for names in (("error", "a"), ("a", "error"), ("a", "b", "c"))] == [(1, 0), (0, 1), (1, 0)]


def test_the_score_is_the_error_or_else_the_loss_and_a_front_without_is_read_by_its_first_objective() -> None:
    names = (("params", "error"), ("loss", "params"), ("spread", "params"))
    assert [score_among(some) for some in names] == ["error", "loss", None]
    assert [score_of(some) for some in names] == ["error", "loss", "spread"]


def test_provenance_and_operations_in_words() -> None:
    ops = ("sep_conv_3x3", "none", "skip_connect", "sep_conv_3x3")
    assert operations(ops).replace("\N{NO-BREAK SPACE}", " ") == "2 sep 3×3, 1 skip"
    assert operations(("none",)) == "none"
    assert brief((*ops, "max_pool_3x3", "dil_conv_5x5")) == "1dil5 1max 2sep3 1skip"
    assert provenance({"split": "test", "weights": "stand-alone", "epoch": 9}) == "test split, stand-alone, epoch 9"
    assert provenance({"weights": "own", "epoch": [9, 10, 8]}) == "each network's own weights, epochs 8 to 10"
    fitted = {"split": "search-validation", "scores": "main effects of 99 networks", "epoch": 3}
    assert provenance(fitted) == "search-validation split, main effects of 99 networks, epoch 3"
    assert provenance(fitted, split="{}") == "search-validation, main effects of 99 networks, epoch 3"
    own = {"weights": "supernet", "classifiers": "classifiers of their own, fitted to 9 images", "epoch": 3}
    assert provenance(own) == "weights of the supernet, classifiers of their own, fitted to 9 images, epoch 3"
    assert provenance({}) == "split, weights and epoch not recorded"
