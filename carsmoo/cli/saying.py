"""What commands share: saying something, and reading a genotype that a user names."""

from __future__ import annotations

from carsmoo.genotype import Genotype
from carsmoo.zoo import GENOTYPES


def say(text: str) -> None:
    """Print a line."""
    print(text)


def genotype_of(text: str) -> Genotype:
    """Return the genotype of a published name, of its text or of its JSON.

    Raises:
        ValueError: for anything else.
    """
    if text in GENOTYPES:
        return GENOTYPES[text]
    if "(" not in text and not text.lstrip().startswith("{"):
        raise ValueError(f"genotype: expected one of {', '.join(GENOTYPES)}, or Genotype(...), got {text!r}")
    return Genotype.from_json(text) if text.lstrip().startswith("{") else Genotype.parse(text)
