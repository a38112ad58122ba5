"""Images: by name, from files, in memory or streamed."""

from carsmoo.nets.data.load import (
    DATA_NAMES,
    Augmentation,
    DataLike,
    ImageData,
    Split,
    from_dataset,
    load,
    load_for_training,
)

__all__ = [
    "DATA_NAMES",
    "Augmentation",
    "DataLike",
    "ImageData",
    "Split",
    "from_dataset",
    "load",
    "load_for_training",
]
