import pytest

from carsmoo.config.network import NetworkConfig
from carsmoo.config.renamed import RENAMED
from carsmoo.config.retraining import TrainingRecipe
from carsmoo.config.search import SearchConfig
from carsmoo.config.supernet import SupernetTraining
from carsmoo.config.toml import parse_settings

SECTIONS = {"network": NetworkConfig, "training": SupernetTraining, "recipe": TrainingRecipe}
FIELDS = [(section, old, new) for section, names in RENAMED.items() for old, new in names.items()]


@pytest.mark.parametrize(("section", "old", "new"), FIELDS)
def test_an_old_name_is_refused_with_the_new_one(section: str, old: str, new: str) -> None:
    with pytest.raises(TypeError, match=f"^{old}: expected {new}, which is the name of this setting now$"):
        SECTIONS[section](**{old: 1})
    assert hasattr(SECTIONS[section](), new)
    if section != "recipe":
        with pytest.raises((TypeError, ValueError), match=f"^{section}.{old}: expected {section}.{new}, which"):
            SearchConfig().updated(parse_settings([f"{section}.{old}=1"]))
