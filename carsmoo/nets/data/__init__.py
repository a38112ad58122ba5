"""Images for a search or a training: by name, as a torch data set, or as arrays; in memory or streamed from files.

From name to images: ``spec`` parses it, ``sources`` reads (``clutter`` makes images, ``folders`` finds files and a
folder's own splits, ``pixels`` says what numbers mean), ``splits`` draws what a source does not split itself,
``transforms`` augments. ``reading`` does with other images what was done with those of a data set.

A name is ``NAME[:WHERE][?option=value&...]``; on a command line, quote it.

====================  ==================================================================  =========================
name                  images                                                              augmentation (pad, flip)
====================  ==================================================================  =========================
``digits``            8x8 grey, shipped with scikit-learn                                 0, no
``cluttered-digits``  16x16 grey, one of digits among pieces of others                    0, no
``mnist``             28x28 grey, idx files, with gzip or without                         2, no
``fashion-mnist``     as mnist; Debian's package dataset-fashion-mnist is found           4, yes
``cifar10``           3x32x32, read by torchvision                                        4, yes
``cifar100``          as cifar10, 100 classes                                             4, yes
``svhn``              3x32x32 house numbers, read by torchvision                          4, no
``imagenet``          train/ and val/ (the test split), 3x224x224 if no size is given     4, yes
``folder:PATH``       one directory a class, or train/, val/, test/ of such               colour: 1/8, yes; else 0, no
``npz:PATH``          arrays images, labels, and test_images, test_labels if it has them  colour: 1/8, yes; else 0, no
====================  ==================================================================  =========================

WHERE is a folder; without it that of the environment variable ``CARSMOO_IMAGES``, else ``data``. Options are the fields
of :class:`DatasetSpec`, written as ``images=6000``, ``size=32x48`` (height x width) or ``size=32``, ``split_seed=1``,
``pad=4``, ``flip=no``, ``stream=yes``.

Images lie in memory, as bytes where the source has bytes, at most half of the machine's memory; or, in retraining, stay
in their files.
"""

from carsmoo.nets.data.images import ImageData, StreamedData, TrainingData
from carsmoo.nets.data.load import DATA_NAMES, DataLike, from_dataset, load, load_for_training
from carsmoo.nets.data.spec import DatasetSpec
from carsmoo.nets.data.splits import Split, Stream
from carsmoo.nets.data.transforms import Augment, Augmentation

__all__ = [
    "DATA_NAMES",
    "Augment",
    "Augmentation",
    "DataLike",
    "DatasetSpec",
    "ImageData",
    "Split",
    "Stream",
    "StreamedData",
    "TrainingData",
    "from_dataset",
    "load",
    "load_for_training",
]
