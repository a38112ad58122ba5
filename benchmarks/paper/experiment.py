"""What every experiment of the paper is: presets, a command line, a result file, a figure.

An experiment measures (:attr:`Experiment.measure`) what its result file holds, and draws from that alone, so that a
figure can be drawn again without measuring (``--redraw``).
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeAlias

from matplotlib.figure import Figure

from carsmoo.config.toml import changed, parse_settings
from carsmoo.nets.models.device import environment, pick

Result: TypeAlias = dict[str, Any]

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """One experiment.

    Args:
        name: of its module and its files.
        about: one line for the help.
        presets: frozen dataclasses by name, ``cores2`` among them.
        measure: makes of a preset what the result file holds under ``data``, plain values.
        figures: makes of that the figures of the result line.
        lines: makes of it the table for the terminal.
        draw: makes of it the figure.
    """

    name: str
    about: str
    presets: Mapping[str, Any]
    measure: Callable[[Any], Result]
    figures: Callable[[Result], dict[str, float]]
    lines: Callable[[Result], Iterable[str]]
    draw: Callable[[Result], Figure]

    def run(self, preset: Any, out: Path, told: str) -> Result:
        """Measure, write ``NAME.json``, ``NAME.png`` and ``NAME.pdf`` to a directory, and return the document."""
        begin = time.perf_counter()
        data = self.measure(preset)
        document = {
            "name": self.name,
            "command": f"python -m benchmarks.paper.{self.name} {told}",
            "settings": dataclasses.asdict(preset),
            "machine": machine(),
            "seconds": round(time.perf_counter() - begin, 1),
            "figures": self.figures(data),
            "data": data,
        }
        self.write(document, out)
        return document

    def write(self, document: Result, out: Path) -> None:
        """Write a result file, and draw what it holds, as PNG and PDF."""
        out.mkdir(parents=True, exist_ok=True)
        (out / f"{self.name}.json").write_text(json.dumps(document) + "\n", encoding="utf-8")
        figure = self.draw(document["data"])
        for ending in ("png", "pdf"):
            figure.savefig(out / f"{self.name}.{ending}", dpi=200)


def main(experiment: Experiment, arguments: Sequence[str] | None = None) -> None:
    """Run an experiment as its command line says; the last line printed is ``RESULT {json}``."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.paper.{experiment.name}", description=experiment.about)
    parser.add_argument("--preset", choices=list(experiment.presets), default="cores2")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a field of the preset")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where result and figure go")
    parser.add_argument("--redraw", action="store_true", help="draw the result that is there, without measuring")
    options = parser.parse_args(arguments)
    if options.redraw:
        document = json.loads((RESULTS / f"{experiment.name}.json").read_text(encoding="utf-8"))
        document["figures"] = experiment.figures(document["data"])
        experiment.write(document, options.out)
    else:
        try:
            preset = changed(experiment.presets[options.preset], parse_settings(options.set))
        except (TypeError, ValueError) as error:
            parser.error(str(error))
        told = " ".join([f"--preset {options.preset}", *(f"--set {text}" for text in options.set)])
        document = experiment.run(preset, options.out, told)
    for line in experiment.lines(document["data"]):
        print(line)
    figures = {name: round(value, 5) for name, value in document["figures"].items()}
    figures["seconds"] = document["seconds"]
    print("RESULT " + json.dumps({"name": f"paper_{experiment.name}", "figures": figures}))


def machine() -> dict[str, Any]:
    """Return what the figures depend on besides the settings: processor, device, versions."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("torch", "pymoo", "numpy")},
        **{key: value for key, value in environment(pick(None)).items() if key in ("device", "cpu")},
    }
