"""DARTS as its authors define it, built of torch's own layers alone: what the layers of the package are compared with.

Departs: a reduction of an odd size takes a zero for the pixel past the border, where DARTS fails.
"""

import torch
from torch import Tensor, nn

from carsmoo.config.network import NetworkConfig
from carsmoo.space.genotype import Genotype
from tests.support.networks import generator


def norm(channels: int) -> nn.Module:
    return nn.BatchNorm2d(channels, affine=False, track_running_stats=False)


def operation(name: str, c: int, stride: int) -> nn.Module:
    kernel = int(name[-1]) if "conv" in name else 3
    if name == "max_pool_3x3":
        return nn.MaxPool2d(3, stride, padding=1)
    if name == "avg_pool_3x3":
        return nn.AvgPool2d(3, stride, padding=1, count_include_pad=False)
    if name == "skip_connect":
        return nn.Identity() if stride == 1 else Reduce(c, c)
    if name.startswith("dil_conv"):
        depthwise = nn.Conv2d(c, c, kernel, stride, padding=kernel - 1, dilation=2, groups=c, bias=False)
        return nn.Sequential(nn.ReLU(), depthwise, nn.Conv2d(c, c, 1, bias=False), norm(c))
    layers: list[nn.Module] = []
    for step in (stride, 1):
        depthwise = nn.Conv2d(c, c, kernel, step, padding=kernel // 2, groups=c, bias=False)
        layers += [nn.ReLU(), depthwise, nn.Conv2d(c, c, 1, bias=False), norm(c)]
    return nn.Sequential(*layers)


def relu_conv(c_in: int, c_out: int) -> nn.Module:
    return nn.Sequential(nn.ReLU(), nn.Conv2d(c_in, c_out, 1, bias=False), norm(c_out))


class Reduce(nn.Module):
    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.even = nn.Conv2d(c_in, c_out // 2, 1, stride=2, bias=False)
        self.odd = nn.Conv2d(c_in, c_out - c_out // 2, 1, stride=2, bias=False)
        self.further = nn.ZeroPad2d((-1, 1, -1, 1))  # the image one pixel on
        self.norm = norm(c_out)

    def forward(self, x: Tensor) -> Tensor:
        x = x.relu()
        y: Tensor = self.norm(torch.cat([self.even(x), self.odd(self.further(x))], dim=1))
        return y


class Cell(nn.Module):
    def __init__(self, genotype: Genotype, before: nn.Module, last: nn.Module, c: int, reduction: bool) -> None:
        super().__init__()
        edges = genotype.reduce if reduction else genotype.normal
        self.concat = genotype.reduce_concat if reduction else genotype.normal_concat
        self.before, self.last = before, last
        self.inputs = [i for _, i in edges]
        self.ops = nn.ModuleList(operation(op, c, 2 if reduction and i < 2 else 1) for op, i in edges)

    def forward(self, before: Tensor, last: Tensor) -> Tensor:
        states = [self.before(before), self.last(last)]
        for k in range(0, len(self.ops), 2):
            states.append(sum(self.ops[j](states[self.inputs[j]]) for j in (k, k + 1)))
        return torch.cat([states[i] for i in self.concat], dim=1)


class Network(nn.Module):
    """The network of a genotype without absent edges."""

    def __init__(self, genotype: Genotype, network: NetworkConfig) -> None:
        super().__init__()
        colours, c = network.input_shape[0], network.channels

        def conv(c_in: int, c_out: int, stride: int) -> nn.Module:
            return nn.Sequential(nn.Conv2d(c_in, c_out, 3, stride, padding=1, bias=False), norm(c_out))

        if network.stem == "imagenet":
            self.stem = nn.Sequential(conv(colours, c // 2, 2), nn.ReLU(), conv(c // 2, c, 2))
            self.further: nn.Module | None = nn.Sequential(nn.ReLU(), conv(c, c, 2))
            before, last, halved = c, c, True
        else:
            self.stem, self.further = conv(colours, 3 * c, 1), None
            before, last, halved = 3 * c, 3 * c, False
        self.cells = nn.ModuleList()
        for k in range(network.layers):
            reduction = k in (network.layers // 3, 2 * network.layers // 3)
            c = 2 * c if reduction else c
            entry = (Reduce if halved else relu_conv)(before, c)
            self.cells.append(Cell(genotype, entry, relu_conv(last, c), c, reduction))
            width = c * len(genotype.reduce_concat if reduction else genotype.normal_concat)
            before, last, halved = last, width, reduction
        self.classifier = nn.Linear(last, network.output_classes)

    def forward(self, x: Tensor) -> Tensor:
        before = last = self.stem(x)
        if self.further is not None:
            last = self.further(before)
        for cell in self.cells:
            before, last = last, cell(before, last)
        logits: Tensor = self.classifier(last.mean(dim=(2, 3)))
        return logits


def weighed(module: nn.Module, x: Tensor) -> list[nn.Module]:
    """Return the layers with weights in the order in which they run."""
    found: list[nn.Module] = []
    layers = [layer for layer in module.modules() if isinstance(layer, (nn.Conv2d, nn.Linear))]
    hooks = [layer.register_forward_hook(lambda layer, *_: found.append(layer)) for layer in layers]
    module(x)
    for hook in hooks:
        hook.remove()
    return found


def assert_alike(mine: nn.Module, theirs: nn.Module, x: Tensor) -> None:
    """Check that two modules of the same weights give the same output and gradients, in float64."""
    mine, theirs, x = mine.double(), theirs.double(), x.double().requires_grad_()
    layers = [weighed(module, x) for module in (mine, theirs)]
    for one, other in zip(*layers, strict=True):
        one.load_state_dict(other.state_dict())
    found = []
    for module, own in zip((mine, theirs), layers, strict=True):
        y = module(x)
        weights = torch.randn(y.shape, generator=generator(1), dtype=y.dtype)
        found.append([y, *torch.autograd.grad(y, [x, *(p for layer in own for p in layer.parameters())], weights)])
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-9)
