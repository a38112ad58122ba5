import pytest

from carsmoo.config import NetworkConfig
from carsmoo.cost import flops, params
from carsmoo.zoo import GENOTYPES, PUBLISHED

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
