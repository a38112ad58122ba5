"""Splits of labelled images, drawn by class and at random."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from carsmoo.utils.validation import shown


def drawn(
    labels: NDArray[np.int64],
    shares: Mapping[str, float],
    seed: int,
    limit: int | None = None,
    class_names: Sequence[str] = (),
) -> dict[str, NDArray[np.int64]]:
    """Return the places of the images of each split, by class and at random; what is left over is ``"train"``.

    Args:
        labels: of all images, (n,); each class has some.
        shares: of each other split, in the order in which they are drawn, of what is left by then.
        seed: draws the splits, and what ``limit`` keeps.
        limit: how many images are kept, of each class its share; all if not given.
        class_names: of the classes.

    Raises:
        ValueError: for a class with fewer images than splits.
    """
    index = np.arange(len(labels)) if limit is None else stratified(labels, limit, seed)
    _require_enough(labels[index], max(len(class_names), int(labels.max()) + 1), 1 + len(shares), class_names)
    found = {}
    for what, share in shares.items():
        index, found[what] = _split(index, labels, share, seed)
    return {**found, "train": index}


def stratified(labels: NDArray[np.int64], count: int, seed: int) -> NDArray[np.int64]:
    """Return the ascending indices of ``count`` labels: of each class its share, rounded by largest remainder.

    Raises:
        ValueError: for a count that is not in 1..n.
    """
    n = len(labels)
    if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or not 1 <= count <= n:
        raise ValueError(f"limit: expected an integer in 1..{n}, the number of images, got {shown(count)}")
    if count == n:
        return np.arange(n)
    sizes = np.bincount(labels)
    quota = sizes * int(count)
    take = quota // n
    largest = np.argsort(-(quota % n), kind="stable")
    take[largest[: count - take.sum()]] += 1
    order = np.random.default_rng(seed).permutation(n)
    order = order[np.argsort(labels[order], kind="stable")]  # by class, in random order within
    place = np.arange(n) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.sort(order[place < np.repeat(take, sizes)])


def _require_enough(labels: NDArray[np.int64], classes: int, least: int, class_names: Sequence[str]) -> None:
    """Check that each class has an image for each of the splits that are drawn."""
    sizes = np.bincount(labels, minlength=classes)
    few = np.flatnonzero(sizes < least)
    if len(few):
        called = repr(class_names[few[0]]) if class_names else few[0]
        raise ValueError(f"class {called}: expected at least {least} images, one for each split, got {sizes[few[0]]}")


def _split(
    index: NDArray[np.int64], labels: NDArray[np.int64], share: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split off ``share`` of the images of ``index``, by class and at random."""
    if not 0 < share < 1:
        raise ValueError(f"share: expected a number in (0, 1), got {share}")
    size = round(share * len(index))
    try:
        kept, held_out = train_test_split(index, test_size=size, stratify=labels[index], random_state=seed)
    except ValueError as error:
        raise ValueError(f"images: expected enough of each class to split off {size}, got {error}") from None
    return kept, held_out
