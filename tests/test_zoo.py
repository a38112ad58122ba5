import pytest
import torch

from carsmoo.config.network import NetworkConfig
from carsmoo.cost.closed_form import flops, params
from carsmoo.zoo import GENOTYPES, PUBLISHED, network
from tests.support.commands import call

CARS = [f"CARS-{letter}" for letter in "ABCDEFGHI"]


def test_it_holds_the_sixteen_of_cars_and_both_of_darts() -> None:
    assert set(GENOTYPES) == {*CARS, *(f"CARS-Lat-{letter}" for letter in "ABCDEFG"), "DARTS-V1", "DARTS-V2"}
    assert set(PUBLISHED) == set(GENOTYPES)
    assert len(set(GENOTYPES.values())) == len(GENOTYPES)


@pytest.mark.parametrize("name", CARS)
def test_published_parameter_counts_to_the_last_printed_digit(name: str) -> None:
    genotype, published = GENOTYPES[name], PUBLISHED[name]
    assert f"{params(genotype, NetworkConfig.cifar()) / 1e6:.1f}" == str(published.cifar10_params)
    assert f"{params(genotype, NetworkConfig.imagenet()) / 1e6:.1f}" == str(published.imagenet_params)


def test_published_multiply_adds_lie_a_little_above_and_in_the_same_order() -> None:
    ours = [flops(GENOTYPES[name], NetworkConfig.imagenet()) / 1e6 for name in CARS]
    theirs = [PUBLISHED[name].imagenet_flops for name in CARS]
    assert all(1.04 < published / own < 1.062 for published, own in zip(theirs, ours, strict=True) if published)
    assert ours == sorted(ours)


def test_darts_v2_has_its_published_parameters() -> None:
    assert f"{params(GENOTYPES['DARTS-V2'], NetworkConfig.cifar()) / 1e6:.1f}" == "3.3"
    assert f"{params(GENOTYPES['DARTS-V2'], NetworkConfig.imagenet()) / 1e6:.1f}" == "4.7"


def test_a_network_of_the_zoo_is_drawn_from_its_seed_alone() -> None:
    config = NetworkConfig.cifar(channels=4, layers=3)
    before = torch.get_rng_state()
    one, same, other = (network("CARS-I", config, seed) for seed in (3, 3, 4))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(one.stem.convs[0].weight, same.stem.convs[0].weight)
    assert not torch.equal(one.stem.convs[0].weight, other.stem.convs[0].weight)
    assert one.genotype == GENOTYPES["CARS-I"]
    names = dict(one.named_buffers())
    assert all(bool((b == 1).all()) for name, b in names.items() if name.endswith("running_var"))


def test_a_genotype_of_cifar_is_transferred_to_imagenet() -> None:
    small, large = (network("CARS-A", config) for config in (NetworkConfig.cifar(), NetworkConfig.imagenet()))
    assert small.genotype == large.genotype
    for built, published in ((small, PUBLISHED["CARS-A"].cifar10_params), (large, PUBLISHED["CARS-A"].imagenet_params)):
        assert f"{sum(p.numel() for p in built.parameters()) / 1e6:.1f}" == str(published)
    with torch.no_grad():
        assert large.eval()(torch.zeros(1, 3, 224, 224)).shape == (1, 1000)
        assert small.eval()(torch.zeros(1, 3, 32, 32)).shape == (1, 10)


def test_wrong_names_and_configurations_are_said() -> None:
    with pytest.raises(ValueError, match=r"name: expected one of CARS-A, .*, got 'CARS-Z'"):
        network("CARS-Z")
    with pytest.raises(TypeError, match="config: expected NetworkConfig, got 3"):
        network("CARS-A", 3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="seed: expected at least 0, got -1"):
        network("CARS-A", seed=-1)
    with pytest.raises(ValueError, match="seed: expected at most 9223372036854775807, got 9223372036854775808"):
        network("CARS-A", seed=1 << 63)


def test_the_table_has_published_and_counted_figures(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("zoo") == 0
    rows = {line.split()[0]: line.split()[1:] for line in capsys.readouterr().out.splitlines() if line.strip()}
    assert set(GENOTYPES) <= set(rows)
    assert rows["CARS-I"] == ["2.62", "3.6", "3.59", "75.2", "5.1", "5.08", "591", "566", "-"]
