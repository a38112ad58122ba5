"""No layer writes past its memory or gives a wrong gradient, whatever instructions the processor has.

Each check of memory is a process of its own, which may die: oneDNN chooses its kernels when torch is loaded, and malloc
looks for overruns if a library is loaded before all others.
"""

import copy
import ctypes
import os
import subprocess
import sys
from typing import Any

import pytest
import torch

from tests.support.layers import check, layers

LARGE = 2**32  # so that malloc keeps the memory that it is given back, which makes the check twice as fast
TUNABLES = f"glibc.malloc.check=3:glibc.malloc.mmap_threshold={LARGE}:glibc.malloc.trim_threshold={LARGE}"
MALLOC_CHECK = {"LD_PRELOAD": "libc_malloc_debug.so.0", "GLIBC_TUNABLES": TUNABLES}
INSTRUCTIONS = ("DEFAULT", "AVX2", "SSE41")  # all that the processor has; what most have; what oneDNN needs


def processes() -> list[Any]:
    """Return the instruction sets to try, one process each; the second is skipped where it is the first again."""
    same = torch.backends.cpu.get_cpu_capability() != "AVX512"
    again = pytest.mark.skipif(same, reason="needs AVX-512; without it oneDNN takes the kernels of AVX2 anyway")
    return [pytest.param(name, marks=[again] if name == "AVX2" else []) for name in INSTRUCTIONS]


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    try:
        ctypes.CDLL(MALLOC_CHECK["LD_PRELOAD"])
    except OSError:
        pytest.skip("needs glibc's libc_malloc_debug.so.0")
    environment = {**os.environ, **MALLOC_CHECK, **variables}
    return subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False)


@pytest.mark.end_to_end
def test_a_write_of_one_byte_past_the_end_is_noticed() -> None:
    code = "import ctypes, torch; x = torch.zeros(100); ctypes.memset(x.data_ptr() + 400, 1, {}); del x; print('alive')"
    assert run("-c", code.format(0)).stdout == "alive\n"
    assert run("-c", code.format(1)).returncode < 0


@pytest.mark.end_to_end
@pytest.mark.parametrize("instructions", processes())
def test_every_layer_keeps_to_its_memory_and_has_the_gradients_of_float64(instructions: str) -> None:
    done = run("-m", "tests.support.layers", "4", "7", "16", "33", ONEDNN_MAX_CPU_ISA=instructions)
    assert done.returncode == 0, done.stderr[-2000:]


def test_layers_of_few_channels_have_the_gradients_of_float64() -> None:
    for channels in (2, 3):
        for name, c_in, layer in layers(channels):
            check(name, c_in, layer, copy.deepcopy(layer).double(), 7)


@pytest.mark.slow
@pytest.mark.parametrize("instructions", processes())
def test_every_layer_does_so_at_any_size(instructions: str) -> None:
    done = run("-m", "tests.support.layers", *map(str, range(4, 65)), ONEDNN_MAX_CPU_ISA=instructions)
    assert done.returncode == 0, done.stderr[-2000:]
