"""The benchmarks of time run: what they print is a matter of the machine, that they print it is not."""

import json
from collections.abc import Callable

import pytest

from benchmarks import bench_population, profile_demo
from benchmarks.bench_distributed import searches
from carsmoo.nets.distributed.group import Group


def figures(printed: str) -> dict[str, float]:
    kind, _, told = printed.strip().splitlines()[-1].partition(" ")
    assert kind == "RESULT"
    found: dict[str, float] = json.loads(told)["figures"]
    return found


@pytest.mark.end_to_end
@pytest.mark.parametrize(
    ("main", "name"), [(bench_population.main, "wrong_predictions_paper"), (profile_demo.main, "share_scoring")]
)
def test_a_script_runs_to_its_end(
    main: Callable[[list[str]], None], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["--quick", "--threads", "1"])
    assert 0 <= figures(capsys.readouterr().out)[name] < 1


@pytest.mark.parametrize("quick", [True, False])
def test_what_two_processes_score_is_bred_by_plans_of_today(quick: bool) -> None:
    demo, narrow = searches(Group(), quick)
    assert narrow.training.pop_size >= demo.training.pop_size == 16
    assert narrow.network.layers == 8
