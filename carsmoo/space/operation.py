"""An operation of one's own: its name, which knows how it is built."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from carsmoo.space.graph import CHAIN, FRAME
from carsmoo.utils.validation import shown


class Operation(str):
    """An operation of one's own, to be told and compared as its name is.

    The cells of a :class:`~carsmoo.DARTSSpace`, a :class:`~carsmoo.Stage` of a chain, and spaces of one's own take it.

    Args:
        name: an identifier, such as ``"ghost_3x3"``, that is no operation of the space, and no layer around them
            (:data:`~carsmoo.space.graph.FRAME`, :data:`~carsmoo.space.graph.CHAIN`).
        build: called with channels, stride (1 or 2) and norm, returns a ``torch.nn.Module`` that makes (n, channels,
            ceil(h / stride), ceil(w / stride)) of (n, channels, h, w) at any size. ``norm(channels)`` makes a batch
            norm, as which a supernet and a stand-alone network have different ones; the module has no other one. What
            it has besides are convolutions, linear layers and other modules with ``reset_parameters``. It holds no
            buffers and nothing random, and leaves its input as it is. To be pickled it is a function of a module.

    Raises:
        TypeError: for a ``build`` that cannot be called.
        ValueError: for another name.

    Example:
        >>> from torch import nn
        >>> from carsmoo import DARTSSpace, Operation
        >>> def pointwise(channels, stride, norm):
        ...     return nn.Sequential(nn.ReLU(), nn.Conv2d(channels, channels, 1, stride, bias=False), norm(channels))
        >>> space = DARTSSpace(ops=("skip_connect", "sep_conv_3x3", Operation("conv_1x1", pointwise)))
        >>> space.ops
        ('skip_connect', 'sep_conv_3x3', 'conv_1x1')
    """

    build: Callable[[int, int, Callable[[int], Any]], Any]
    counted: dict[tuple[int, ...], Any]

    def __new__(cls, name: str, build: Callable[[int, int, Callable[[int], Any]], Any]) -> Operation:
        """Return the name, with what builds the operation."""
        if not isinstance(name, str) or not name.isidentifier():
            raise ValueError(f"operation: expected a name such as ghost_3x3, got {shown(name)}")
        if name in FRAME + CHAIN:
            raise ValueError(f"operation: expected a name that no layer around operations has, got {name}")
        if not callable(build):
            raise TypeError(f"operation: expected a function that builds {name}, got {shown(build)}")
        made = super().__new__(cls, str(name))
        made.build, made.counted = build, {}
        return made

    def __getnewargs__(self) -> tuple[str, Any]:  # type: ignore[override]
        return str(self), self.build

    def __getstate__(self) -> None:
        """Leave out what was counted."""
