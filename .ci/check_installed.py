"""Check carsmoo where its wheel is installed without extras, run by that environment's Python in an empty folder."""

import os
import pkgutil
import subprocess
import sys
from importlib import import_module
from importlib.metadata import metadata
from pathlib import Path

import carsmoo
from carsmoo.cli.doctor import missing_of

COMMAND = Path(sys.executable).with_name("carsmoo")
NEEDS = {
    "report": ["report", "run"],
    "export": ["export", "run", "--format", "onnx", "--out", "files"],
    "tensorboard": ["search", "--preset", "smoke", "--out", "told", "--tensorboard"],
    "mlflow": ["search", "--preset", "smoke", "--out", "told", "--log", "mlflow"],
    "wandb": ["search", "--preset", "smoke", "--out", "told", "--log", "wandb"],
}
"""Commands that an extra is needed for."""


def call(*argv: str) -> subprocess.CompletedProcess[str]:
    """Run the command ``carsmoo``."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run([COMMAND, *argv], capture_output=True, text=True, check=False, env=environment)


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
    searched = call("search", "--preset", "smoke", "--out", "run")
    require(holds=searched.returncode == 0 and Path("run/front.png").is_file(), otherwise=searched)
    for extra, argv in NEEDS.items():
        refused = call(*argv)
        line = refused.stderr.strip().splitlines()[-1:]
        named = refused.returncode == 2 and line and line[0].endswith(f"; pip install 'carsmoo[{extra}]'")
        require(holds=bool(named), otherwise=refused)
    require(
        holds={path.name for path in Path().iterdir()} == {"run"}, otherwise="a command without its extra wrote files"
    )


if __name__ == "__main__":
    main()
