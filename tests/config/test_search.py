from pathlib import Path

import pytest

from carsmoo.config.network import NetworkConfig
from carsmoo.config.retraining import TrainingRecipe
from carsmoo.config.search import AlgorithmConfig, SearchConfig
from carsmoo.config.supernet import SupernetTraining
from carsmoo.config.toml import parse_settings, read_toml
from carsmoo.space.chain import ChainSpace, Stage
from carsmoo.space.darts import DARTSSpace
from carsmoo.space.nas_bench_201 import NASBench201Space
from carsmoo.space.search_space import SearchSpace


def test_the_demo_is_what_carsproblem_is_without_arguments() -> None:
    demo = SearchConfig.preset("demo")
    assert demo == SearchConfig()
    assert (demo.data, demo.objectives, demo.seed) == ("digits", ("error", "params"), 0)
    assert (demo.space, demo.network, demo.training) == (DARTSSpace(), NetworkConfig(), SupernetTraining())
    assert (demo.network.channels, demo.network.layers, demo.training.batch_size, demo.training.pop_size) == (
        8,
        5,
        64,
        16,
    )


def test_what_make_demo_finds_is_retrained_at_its_widths_and_depth_by_the_recipe_of_its_name() -> None:
    clutter, recipe = SearchConfig.preset("clutter"), TrainingRecipe.preset("clutter")
    assert clutter.data == "cluttered-digits"
    assert (clutter.network.channels, clutter.network.layers) == (recipe.channels, recipe.layers)
    assert clutter.training.warmup_widening > 0


def test_the_papers_preset_has_the_papers_settings() -> None:
    paper = SearchConfig.preset("cifar10-paper")
    training = paper.training
    assert paper.data == "cifar10"
    assert (paper.network.channels, paper.network.layers) == (16, 8)
    assert (
        training.warmup_epochs,
        training.n_generations,
        training.epochs_per_generation,
        training.planned_epochs,
    ) == (50, 45, 10, 500)
    assert (training.pop_size, training.batch_size, training.subnets_per_step) == (128, 128, 1)
    assert (training.learning_rate, training.learning_rate_min, training.momentum) == (0.025, 0.001, 0.9)
    assert (training.weight_decay, training.grad_clip) == (3e-4, 5.0)


@pytest.mark.parametrize("name", ["demo", "clutter", "cifar10-paper", "smoke"])
def test_toml_gives_the_configuration_back(name: str, tmp_path: Path) -> None:
    config = SearchConfig.preset(name).updated({"algorithm": {"pop_size": 7}, "network": {"image_shape": [1, 8, 8]}})
    path = tmp_path / "config.toml"
    path.write_text(config.to_toml())
    assert SearchConfig().updated(read_toml(path)) == config


@pytest.mark.parametrize(
    "space",
    [
        NASBench201Space(),
        ChainSpace.nas_bench_macro(),
        ChainSpace(stages=(Stage(0.5, 1, 2, ("skip", "nor_conv_3x3")), Stage(1.5)), head=0),
    ],
)
def test_toml_gives_a_space_of_another_kind_back(space: SearchSpace) -> None:
    config = SearchConfig(space=space)
    text = config.to_toml()
    assert f'[space]\nkind = "{type(space).__name__}"\n' in text
    assert SearchConfig.from_toml(text) == config


def test_a_space_without_a_kind_stays_of_its_kind_and_darts_tells_none() -> None:
    assert "kind" not in SearchConfig().to_toml()
    assert SearchConfig.from_toml("[space]\nnodes = 2").space == DARTSSpace(nodes=2)
    chain = SearchConfig().updated(parse_settings(["space.kind=ChainSpace", "space.head=2"]))
    assert chain.space == ChainSpace(head=2)
    stages = parse_settings(["space.stages=[{blocks = 1}, {width = 2, ops = ['nor_conv_3x3']}]"])
    own = ChainSpace((Stage(blocks=1), Stage(2, ops=("nor_conv_3x3",))), head=2)
    assert chain.updated(stages).space == own
    assert chain.updated({"space": {"kind": "ChainSpace", "head": 3}}).space == ChainSpace(head=3)
    macro = chain.updated(parse_settings(["space.kind=ChainSpace.nas_bench_macro"]))
    assert macro.space == ChainSpace.nas_bench_macro()
    assert macro.updated({"space": {"kind": "DARTSSpace"}}).space == DARTSSpace()


def test_single_settings_are_toml_values_or_texts() -> None:
    settings = parse_settings(
        [
            "training.warmup_epochs=3",
            "data=cifar10:/images",
            'objectives=["error", "flops"]',
            "algorithm.protection=none",
        ]
    )
    config = SearchConfig().updated(settings)
    assert (config.training.warmup_epochs, config.data, config.objectives) == (3, "cifar10:/images", ("error", "flops"))
    assert config.algorithm == AlgorithmConfig(protection="none")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"trainig": {}}, "trainig: expected one of algorithm, data"),
        ({"training": {"warmpu": 3}}, "training.warmpu: expected one of batch_size, bn_calibration_images"),
        ({"training": {"warmup_epochs": -3}}, "training.warmup_epochs: expected at least 0, got -3"),
        ({"training": {"warmup_epochs": "long"}}, "training.warmup_epochs: expected an integer, got 'long'"),
        ({"training": 3}, "training: expected a section, got 3"),
        ({"data": {"name": "digits"}}, "data: expected a value, got a section"),
        ({"data": 3}, "data: expected a name, got 3"),
        ({"data": "folder:\udce9"}, r"data: expected a text that UTF-8 can write, got 'folder:\\udce9'"),
        ({"seed": -1}, "seed: expected at least 0, got -1"),
        ({"objectives": "error"}, "objectives: expected a list of names"),
        ({"space": {"ops": ["none", "conv"]}}, "space.ops: expected different operations among"),
        ({"space": {"kind": "MyspaceSpace"}}, "space.kind: expected one of DARTSSpace, NASBench201Space, ChainSpace"),
        ({"space": {"head": 3}}, "space.head: expected one of kind, nodes, ops"),
        ({"space": {"kind": "ChainSpace", "stages": 3}}, "space.stages: expected a list of sections, got 3"),
        ({"space": {"kind": "ChainSpace", "stages": [{"size": 1}]}}, r"space.stages\[0\].size: expected one of blocks"),
        (
            {"space": {"kind": "ChainSpace", "stages": [{}, {"stride": 3}]}},
            r"space.stages\[1\].stride: expected at most",
        ),
        ({"algorithm": {"protection": "speed"}}, "algorithm.protection: expected one of growth, size, none"),
        ({"algorithm": {"pop_size": 0}}, "algorithm.pop_size: expected at least 1, got 0"),
    ],
)
def test_wrong_settings_are_named(settings: dict, says: str) -> None:
    with pytest.raises((TypeError, ValueError), match=says):
        SearchConfig().updated(settings)


def test_a_section_as_a_whole_leaves_what_was_said_of_it() -> None:
    one, all_of_it = "training.pop_size=4", "training={warmup_epochs=3}"
    assert (
        parse_settings([one, all_of_it])
        == parse_settings([all_of_it, one])
        == {"training": {"pop_size": 4, "warmup_epochs": 3}}
    )
    assert parse_settings([one, "training.pop_size=5", "training={pop_size=6}"]) == {"training": {"pop_size": 6}}


def test_a_file_may_begin_with_the_mark_of_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "notepad.toml").write_bytes(b"\xef\xbb\xbfseed = 3\r\n")
    assert read_toml(tmp_path / "notepad.toml") == {"seed": 3}


def test_wrong_texts_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="preset: expected one of demo, clutter, cifar10-paper, smoke, got 'paper'"):
        SearchConfig.preset("paper")
    for wrong in ("warmup", "=3"):
        with pytest.raises(ValueError, match="setting: expected key=value"):
            parse_settings([wrong])
    with pytest.raises(ValueError, match="training: expected one setting or a section"):
        parse_settings(["training=3", "training.warmup_epochs=3"])
    (tmp_path / "x.toml").write_text("a = [")
    with pytest.raises(ValueError, match=r"x\.toml: expected TOML"):
        read_toml(tmp_path / "x.toml")
