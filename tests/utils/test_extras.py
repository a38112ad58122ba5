import re
import sys
from pathlib import Path

import pytest

import carsmoo
from carsmoo.config.toml import read_toml
from carsmoo.utils.extras import install_line, needing


def test_a_package_that_is_missing_is_named_with_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    with pytest.raises(ModuleNotFoundError) as caught, needing("report", "report"):
        import plotly.offline  # noqa: F401
    assert str(caught.value) == "report: expected the package plotly, got none; pip install 'carsmoo[report]'"


def test_another_error_of_an_import_is_left_as_it_is() -> None:
    with pytest.raises(ImportError, match="cannot import name 'no_such_name'") as caught, needing("it", "report"):
        from json import no_such_name  # type: ignore[attr-defined]  # noqa: F401
    assert not isinstance(caught.value, ModuleNotFoundError)


def test_each_extra_that_is_told_is_one_of_the_package_and_told_from_one_place() -> None:
    package = Path(carsmoo.__file__).parent
    texts = {path: path.read_text(encoding="utf-8") for path in package.rglob("*.py")}
    told = re.findall(r"(?:needing|missing)\(\"[^\"]+\", (?:package, )?\"(\w+)\"\)", "".join(texts.values()))
    extras = read_toml(package.parent / "pyproject.toml")["project"]["optional-dependencies"]
    assert {"export", "frame", "nb301", "report"} <= set(told) <= set(extras)
    assert install_line("export") == "pip install 'carsmoo[export]'"
    assert [path.name for path, text in texts.items() if "pip install" in text] == ["extras.py"]
