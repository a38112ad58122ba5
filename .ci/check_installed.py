"""Check carsmoo where its wheel is installed without extras, run by that environment's Python in an empty folder."""

import io
import os
import pkgutil
import subprocess
import sys
from contextlib import redirect_stderr
from importlib import import_module
from importlib.metadata import metadata
from pathlib import Path

import carsmoo
from carsmoo.cli import main as carsmoo_command
from carsmoo.cli.doctor import missing_of

SEARCH = ["search", "--preset", "smoke", "--out"]
NEEDS = {
    "report": ["report", "run"],
    "export": ["export", "run", "--format", "onnx", "--out", "files"],
    "tensorboard": [*SEARCH, "told", "--tensorboard"],
    "mlflow": [*SEARCH, "told", "--log", "mlflow"],
    "wandb": [*SEARCH, "told", "--log", "wandb"],
    "optuna": ["compare", "--problem", "trap", "--algorithm", "optuna-nsga3", "--out", "told"],
}
"""Commands that an extra is needed for."""


def refusal(argv: list[str]) -> tuple[object, str]:
    """Run a command in this process, and return its exit code and the last line of its standard error."""
    with redirect_stderr(io.StringIO()) as told:
        try:
            carsmoo_command(argv)
        except SystemExit as end:
            return end.code, (told.getvalue().splitlines() or [""])[-1]
    return None, ""


def require(*, holds: bool, otherwise: object) -> None:
    """End with what is wrong unless something holds."""
    if not holds:
        sys.exit(f"check_installed: {otherwise}")


def main() -> None:
    """Check where it comes from, that all of it can be imported, that a search runs, and what is told of extras."""
    require(holds=Path(carsmoo.__file__).is_relative_to(sys.prefix), otherwise=f"carsmoo is in {carsmoo.__file__}")
    told = metadata("carsmoo")
    extras = dict(missing_of(told.get_all("Provides-Extra"), told.get_all("Requires-Dist")))
    require(holds=all(extras.values()) and set(NEEDS) <= set(extras), otherwise=f"extras lack {extras}")
    for module in pkgutil.walk_packages(carsmoo.__path__, "carsmoo."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run([Path(sys.executable).with_name("carsmoo"), *SEARCH, "run"], check=True, env=environment)
    require(holds=Path("run/front.png").is_file(), otherwise="expected a front of the search, got none")
    for extra, argv in NEEDS.items():
        code, line = refusal(argv)
        named = code == 2 and line.endswith(f"; pip install 'carsmoo[{extra}]'")
        require(holds=named, otherwise=f"{' '.join(argv)}: expected the line that installs {extra}, got {line!r}")
    require(holds=[*Path().iterdir()] == [Path("run")], otherwise="a command without its extra wrote files")


if __name__ == "__main__":
    main()
