"""Settings of networks, supernets, full trainings and searches, and how TOML holds them."""

from carsmoo.config.network import CellShape, NetworkConfig, Stem
from carsmoo.config.retraining import Schedule, TrainingRecipe
from carsmoo.config.search import AlgorithmConfig, SearchConfig
from carsmoo.config.supernet import SupernetTraining
from carsmoo.config.toml import TomlSettings, changed, parse_settings, plain, read_toml
from carsmoo.space.graph import halved

__all__ = [
    "AlgorithmConfig",
    "CellShape",
    "NetworkConfig",
    "Schedule",
    "SearchConfig",
    "Stem",
    "SupernetTraining",
    "TomlSettings",
    "TrainingRecipe",
    "changed",
    "halved",
    "parse_settings",
    "plain",
    "read_toml",
]
