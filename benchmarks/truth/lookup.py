"""What NAS-Bench-301's surrogate says of the architectures: a truth that costs nothing, on CIFAR-10 at full size.

    python -m benchmarks.truth.lookup

writes ``results/architectures.jsonl``: name, group, genotype, and the validation error at the surrogate's last epoch,
null where an edge is absent, which the surrogate does not know. Its network has 32 channels and 8 cells.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.truth.records import RESULTS
from benchmarks.truth.sets import Architecture, architectures
from carsmoo.problems.surrogate import EPOCHS, NASBench301
from carsmoo.space.genotype import Genotype

FILE = "architectures.jsonl"


def surrogate_errors(genotypes: Sequence[Genotype]) -> list[float | None]:
    """Return the surrogate's error of each network after its last epoch, a fraction; None where an edge is absent.

    Raises:
        FileNotFoundError: if the surrogate is missing.
    """
    problem = NASBench301()
    known = [k for k, genotype in enumerate(genotypes) if not absent(genotype)]
    errors: list[float | None] = [None] * len(genotypes)
    values = problem.error_at(problem.space.encode([genotypes[k] for k in known]), EPOCHS)
    for k, value in zip(known, values.tolist(), strict=True):
        errors[k] = round(value, 6)
    return errors


def absent(genotype: Genotype) -> int:
    """Return how many edges of a genotype are absent."""
    return sum(op == "none" for op, _ in genotype.normal + genotype.reduce)


def rows(found: Sequence[Architecture]) -> list[dict[str, Any]]:
    """Return the lines of the file."""
    errors = surrogate_errors([a.genotype for a in found])
    return [
        {"name": a.name, "group": a.group, "genotype": str(a.genotype), "surrogate": error}
        for a, error in zip(found, errors, strict=True)
    ]


def read_architectures(folder: Path = RESULTS) -> list[dict[str, Any]]:
    """Return the lines of the file, with the genotypes as such."""
    found = [json.loads(line) for line in (folder / FILE).read_text(encoding="utf-8").splitlines()]
    return [{**row, "genotype": Genotype.parse(row["genotype"])} for row in found]


def main() -> None:
    """Write the file."""
    text = "".join(json.dumps(row) + "\n" for row in rows(architectures()))
    (RESULTS / FILE).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
