from collections.abc import Iterator

import pytest
import torch

from carsmoo.cli.doctor import missing_of
from carsmoo.cli.entry import main
from carsmoo.nets.models import self_test
from carsmoo.nets.models.self_test import Checked
from carsmoo.space.genotype import PRIMITIVES


def call(*argv: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(list(argv))
    return int(caught.value.code or 0)


def test_it_tells_versions_device_extras_and_that_each_operation_passes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/of/this/test")
    assert call("doctor") == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    rows = {words[0]: words[1:] for words in lines if words}
    assert rows["torch"] == [torch.__version__]
    assert rows["cache"] == ["/of/this/test/carsmoo"]
    assert rows["CPU"][-1] == torch.backends.cpu.get_cpu_capability()
    assert rows["threads"][0] == str(torch.get_num_threads())
    assert {"carsmoo", "python", "torchvision", "pymoo", "numpy", "device"} <= set(rows)
    assert {words[1] for words in lines if words[:1] == ["extra"]} >= {"export", "report", "test"}
    assert {name: rows[name][-1] for name in PRIMITIVES if name != "none"} == dict.fromkeys(PRIMITIVES[1:], "pass")


def test_an_operation_that_fails_is_told_with_exit_code_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def found(device: torch.device) -> Iterator[Checked]:
        yield Checked("sep_conv_3x3", "channels_last", 1e-6)
        yield Checked("sep_conv_3x3", "contiguous", 0.2)
        yield Checked("max_pool_3x3", "channels_last", 1e-7)
        yield Checked("max_pool_3x3", "contiguous", 1e-7)
        yield Checked("dil_conv_3x3", "channels_last", float("inf"), "no [kernel] here")
        yield Checked("dil_conv_3x3", "contiguous", 1e-7)

    monkeypatch.setattr(self_test, "check_operations", found)
    assert call("doctor") == 1
    said = capsys.readouterr()
    rows = [line.split(maxsplit=3) for line in said.out.splitlines()[-3:]]
    assert [(row[0], row[3]) for row in rows] == [
        ("sep_conv_3x3", "FAIL"),
        ("max_pool_3x3", "pass"),
        ("dil_conv_3x3", "FAIL; no [kernel] here"),
    ]
    assert said.err == ""


def test_what_an_extra_lacks_is_what_is_not_installed_as_it_wants_it() -> None:
    requirements = ["none-such-of-all", 'numpy; extra == "a"', 'numpy>=99; extra == "b"', 'none-such; extra == "b"']
    requirements += ['none-such; python_version < "3" and extra == "a"', 'torch>=2.4; extra == "b"']
    assert dict(missing_of(["a", "b", "c"], requirements)) == {"a": [], "b": ["numpy>=99", "none-such"], "c": []}
