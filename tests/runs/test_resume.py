import dataclasses
import hashlib
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st
from pymoo.optimize import minimize
from safetensors.numpy import load, save

import carsmoo.runs.resume
from carsmoo import PNSGA3, CARSProblem, Checkpoint, Genotype, resume
from carsmoo.algorithm.callbacks import Callbacks
from carsmoo.nets.data import ImageData
from carsmoo.operators import NodeMutation
from carsmoo.runs import checkpoint
from carsmoo.runs.snapshot import read
from carsmoo.utils.files import TEXT, Store
from tests.support.runs import DATA, PLAN, SMALL, Stop, StopAt, same, search
from tests.support.toy import ToyProblem

SHORT = dataclasses.replace(PLAN, n_generations=2)


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    with pytest.raises(Stop):
        minimize(ToyProblem(), PNSGA3(), callback=Callbacks(Checkpoint(tmp_path), StopAt(3)))
    return tmp_path


def rewrite(path: Path, change: Any) -> None:
    """Change a checkpoint's document and give the file the name of one that is whole."""
    last = Store(path / "checkpoint").files()[-1]
    arrays = load(last.read_bytes())
    document = change(json.loads(arrays.pop(TEXT).tobytes()))
    content = save({**arrays, TEXT: np.frombuffer(json.dumps(document).encode(), dtype=np.uint8)})
    last.rename(last.with_name(f"000009-{hashlib.sha256(content).hexdigest()[:32]}.safetensors")).write_bytes(content)


def test_a_damaged_checkpoint_is_told_and_the_one_before_gives_the_same_run(stopped: Path) -> None:
    whole = minimize(ToyProblem(), PNSGA3())
    last = Store(stopped / "checkpoint").files()[-1]
    last.write_bytes(last.read_bytes()[:-7])
    with pytest.warns(RuntimeWarning, match=f"{last.name} is damaged; going on from the checkpoint before it"):
        _, algorithm = resume(stopped, ToyProblem(), PNSGA3())
    assert algorithm.n_gen == 3
    algorithm.run()
    assert same(algorithm, whole.algorithm)


def test_where_nothing_is_whole_it_is_one_line(stopped: Path, tmp_path: Path) -> None:
    for path in Store(stopped / "checkpoint").files():
        path.write_bytes(b"")
    with pytest.raises(ValueError, match="expected a save that is whole, got only damaged ones"):
        resume(stopped, ToyProblem(), PNSGA3())
    with pytest.raises(ValueError, match=r"run: expected a directory with checkpoints, got .*nowhere"):
        resume(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


class Bomb:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def test_a_crafted_checkpoint_runs_nothing(stopped: Path) -> None:
    mark = stopped / "ran"
    folder = stopped / "checkpoint"
    content = pickle.dumps(Bomb(mark))
    (folder / f"000009-{hashlib.sha256(content).hexdigest()[:32]}.safetensors").write_bytes(content)
    objects = folder / "000010-x.safetensors"
    with objects.open("wb") as file:
        np.savez(file, pop=np.array([Bomb(mark)], dtype=object), allow_pickle=True)
    content = objects.read_bytes()
    objects.rename(folder / f"000010-{hashlib.sha256(content).hexdigest()[:32]}.safetensors")
    torch.save({"weights": Bomb(mark)}, folder / "000011-x.safetensors")
    with pytest.warns(RuntimeWarning, match="is damaged"):
        assert resume(stopped, ToyProblem(), PNSGA3())[1].n_gen == 4
    assert not mark.exists()
    pickle.loads(pickle.dumps(Bomb(mark)))
    assert mark.exists()  # the bomb is one


@pytest.mark.parametrize(
    "value",
    [
        {"object": "posix.system", "attributes": {"x": "touch ran"}},
        {"code": "posix.system"},
        {"generator": {"bit_generator": "os.system"}},
        {"population": [10**9]},
        {"grid": [], "shape": [10**12], "of": "O"},
        {"again": "pop"},
        [[[]]],
    ],
)
@pytest.mark.parametrize("name", ["survival", "mating", "n_iter", "pop", "random_state", "evaluator"])
def test_crafted_values_are_refused_or_do_no_more_than_a_number(stopped: Path, name: str, value: Any) -> None:
    def change(document: Any) -> Any:
        document["algorithm"]["attributes"][name] = value
        return document

    rewrite(stopped, change)
    try:
        resume(stopped, ToyProblem(), PNSGA3())
    except ValueError as error:
        assert "\n" not in str(error)  # noqa: PT017


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=4),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    ["format", "algorithm", "attributes", "individuals", "n", "columns", "array", "list", "object"]
                ),
                inner,
            )
        ),
        max_leaves=8,
    )
)
def test_any_document_is_refused_in_one_line(tmp_path_factory: pytest.TempPathFactory, document: Any) -> None:
    path = tmp_path_factory.mktemp("crafted")
    text = json.dumps(document)
    content = save({TEXT: np.frombuffer(text.encode(), dtype=np.uint8)})
    (path / "checkpoint").mkdir()
    (path / "checkpoint" / f"000001-{hashlib.sha256(content).hexdigest()[:32]}.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match="expected") as caught:
        resume(path, ToyProblem(), PNSGA3())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["versions", "config", "seed", "seconds", "output", "log_bytes", "setup", "algorithm"])
@pytest.mark.parametrize("value", [None, 1.5, [1], {}])
def test_a_document_with_a_part_missing_or_changed_is_refused_in_one_line(stopped: Path, name: str, value: Any) -> None:
    def change(document: Any) -> Any:
        document[name] = value
        if value is None:
            del document[name]
        return document

    if (name, value) in (("seconds", 1.5), ("output", [1])):
        return
    rewrite(stopped, change)
    with pytest.raises(ValueError, match="expected") as caught:
        resume(stopped, ToyProblem(), PNSGA3())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["run", "next", "problem", "callback"])
def test_an_attribute_that_a_run_does_not_have_is_refused(stopped: Path, name: str) -> None:
    def change(document: Any) -> Any:
        document["algorithm"]["attributes"][name] = 5
        return document

    rewrite(stopped, change)
    with pytest.raises(ValueError, match=f"expected.*{name}|{name}: expected"):
        resume(stopped, ToyProblem(), PNSGA3())


def test_a_checkpoint_does_not_tell_where_a_class_lives(stopped: Path) -> None:
    saved = Store(stopped / "checkpoint").newest()
    assert saved is not None
    assert "carsmoo." not in saved.text
    assert "pymoo." not in saved.text


def test_another_format_is_refused(stopped: Path) -> None:
    rewrite(stopped, lambda document: {**document, "format": 1})
    with pytest.raises(ValueError, match="expected a checkpoint of format 2, got format 1"):
        resume(stopped, ToyProblem(), PNSGA3())


class Other(ToyProblem):
    pass


def digits_without_one() -> ImageData:
    from sklearn.datasets import load_digits

    digits = load_digits()
    return ImageData.from_arrays(digits.images[1:301].astype(np.uint8), digits.target[1:301], name=DATA)


OTHERS = {
    "kind": (Other(), PNSGA3(), "problem is not that of the run: kind: expected ToyProblem, got Other"),
    "bounds": (ToyProblem(nodes=3), PNSGA3(), "problem is not that of the run: made/.*: expected 4, got 3"),
    "size": (ToyProblem(), PNSGA3(pop_size=9), "algorithm is not that of the run: pop_size: expected 8, got 9"),
    "directions": (ToyProblem(), PNSGA3(np.eye(2), pop_size=8), "ref_dirs: expected .*, got .*"),
    "protection": (ToyProblem(), PNSGA3(protection="size"), "protection: expected growth, got size"),
    "operator": (ToyProblem(), PNSGA3(mutation=NodeMutation(0.1)), "prob.*: expected 0.5, got 0.1"),
}


@pytest.mark.parametrize(("problem", "algorithm", "says"), OTHERS.values(), ids=OTHERS.keys())
def test_another_run_is_refused_with_the_difference_named(
    stopped: Path, problem: Any, algorithm: Any, says: str
) -> None:
    before = [path.read_bytes() for path in sorted(stopped.rglob("*")) if path.is_file()]
    with pytest.raises(ValueError, match=says) as caught:
        resume(stopped, problem, algorithm)
    assert "\n" not in str(caught.value)
    assert [path.read_bytes() for path in sorted(stopped.rglob("*")) if path.is_file()] == before


def test_other_data_plans_and_machines_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Stop):
        minimize(*search(), callback=Callbacks(Checkpoint(tmp_path), StopAt(1)))

    def other(**fields: Any) -> CARSProblem:
        plan = {"data": DATA, "network": SMALL, "training": PLAN, **fields}
        return CARSProblem(**plan)

    with pytest.raises(ValueError, match=r"problem is not that of the run: data/sha256: expected .*, got "):
        resume(tmp_path, other(data=digits_without_one()), PNSGA3())
    plan = dataclasses.replace(PLAN, learning_rate=0.1)
    with pytest.raises(ValueError, match=r"training/learning_rate: expected 0\.016, got 0\.1"):
        resume(tmp_path, other(training=plan), PNSGA3())
    with pytest.raises(ValueError, match="seed: expected 0, got 1"):
        resume(tmp_path, other(seed=1), PNSGA3())
    monkeypatch.setattr(torch, "get_num_threads", lambda: 77)
    with pytest.raises(ValueError, match=r"environment is not that of the run: threads: expected \d+, got 77"):
        resume(tmp_path)
    assert resume(tmp_path, exact=False)[1].n_gen == 2
    monkeypatch.undo()
    for module in (carsmoo.runs.resume, checkpoint):
        monkeypatch.setattr(module, "versions", lambda: {**read(tmp_path).document["versions"], "pymoo": "9"})
    with pytest.raises(ValueError, match=r"versions is not that of the run: pymoo: expected .*, got 9"):
        resume(tmp_path)


@pytest.mark.end_to_end
def test_what_a_configuration_does_not_say_has_to_be_given(tmp_path: Path) -> None:
    def convolutions(genotype: Genotype) -> int:
        return sum("conv" in op for op, _ in genotype.normal)

    def make() -> CARSProblem:
        return CARSProblem(DATA, objectives=("error", convolutions), network=SMALL, training=SHORT)

    whole = minimize(make(), PNSGA3())
    with pytest.raises(Stop):
        minimize(make(), PNSGA3(), callback=Callbacks(Checkpoint(tmp_path), StopAt(2)))
    with pytest.raises(ValueError, match=r"expected resume\(path, problem, algorithm\) with both made as for the run"):
        resume(tmp_path)
    _, algorithm = resume(tmp_path, make(), PNSGA3())
    algorithm.run()
    assert same(algorithm, whole.algorithm)
    with pytest.raises(TypeError, match=r"algorithm: expected one with carsmoo\.Continuous, got int"):
        resume(tmp_path, make(), 3)


def test_a_measured_objective_keeps_its_values(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)

    def measured(genotype: Genotype) -> float:
        return float(rng.random())

    with pytest.raises(Stop):
        minimize(
            CARSProblem(DATA, objectives=("error", measured), network=SMALL, training=PLAN),
            PNSGA3(),
            callback=Callbacks(Checkpoint(tmp_path), StopAt(2)),
        )
    fresh = CARSProblem(DATA, objectives=("error", measured), network=SMALL, training=PLAN)
    problem, algorithm = resume(tmp_path, fresh, PNSGA3())
    assert np.array_equal(problem.evaluate(algorithm.pop.get("X")), algorithm.pop.get("F"))


@pytest.mark.end_to_end
def test_the_log_is_cut_back_to_the_checkpoint(stopped: Path) -> None:
    log, line = stopped / "log.jsonl", '{"event": "start", "at": 1.5}\n'
    log.write_text(line)
    resume(stopped, ToyProblem(), PNSGA3())
    assert log.read_text() == ""
    rewrite(stopped, lambda document: {**document, "log_bytes": len(line)})
    log.write_text(f"{line}later than the checkpoint\n")
    resume(stopped, ToyProblem(), PNSGA3())
    assert log.read_text() == line
    other = stopped.parent / "other"
    for mine in ("a log of my own, as long as it is\n", '{"event": "mine, which tells no time, and is longer"}\n'):
        log.write_text(mine)
        resume(stopped, ToyProblem(), PNSGA3())
        assert log.read_text() == mine
    log.rename(other)
    log.symlink_to(other)
    with pytest.warns(RuntimeWarning, match="part of the log is lost"):
        resume(stopped, ToyProblem(), PNSGA3())
    assert other.read_text() == mine
    log.unlink()
    log.write_text("1")
    with pytest.warns(RuntimeWarning, match=f"expected {len(line)} bytes, got 1; part of the log is lost"):
        resume(stopped, ToyProblem(), PNSGA3())


def test_of_two_that_resume_a_run_in_one_process_the_second_is_refused(stopped: Path) -> None:
    _, first = resume(stopped, ToyProblem(), PNSGA3())
    with pytest.raises(BlockingIOError, match="got one that is going on; an algorithm of this process holds it"):
        resume(stopped, ToyProblem(), PNSGA3())
    first.next()
    with pytest.raises(BlockingIOError, match="got one that is going on; an algorithm of this process"):
        resume(stopped, ToyProblem(), PNSGA3())
    first.run()
    assert resume(stopped, ToyProblem(), PNSGA3())[1].n_gen == first.n_gen  # it has ended


def test_an_idle_run_lets_go_when_it_is_told_to(stopped: Path) -> None:
    _, idle = resume(stopped, ToyProblem(), PNSGA3())
    idle.callback.leave()
    _, other = resume(stopped, ToyProblem(), PNSGA3())
    assert other.n_gen == idle.n_gen


def test_a_run_that_an_error_left_is_resumed_in_the_same_process_and_then_no_more_by_the_first(tmp_path: Path) -> None:
    algorithm = PNSGA3().setup(ToyProblem(), callback=Callbacks(Checkpoint(tmp_path), StopAt(2)))
    algorithm.next()
    with pytest.raises(Stop):
        algorithm.next()
    _, second = resume(tmp_path, ToyProblem(), PNSGA3())
    algorithm.callback.callbacks[1].generation = 0
    with pytest.raises(BlockingIOError, match="got one that is going on"):
        algorithm.next()
    second.run()
    with pytest.raises(BlockingIOError, match="got one that went on just now"):
        algorithm.next()


def test_a_run_that_an_error_left_goes_on_where_nobody_else_has(tmp_path: Path) -> None:
    algorithm = PNSGA3().setup(ToyProblem(), callback=Callbacks(Checkpoint(tmp_path), StopAt(2)))
    algorithm.next()
    with pytest.raises(Stop):
        algorithm.next()
    algorithm.n_iter += 1  # as pymoo leaves it after a callback
    algorithm.next()
    assert read(tmp_path).generation == 3
    with pytest.raises(BlockingIOError):
        resume(tmp_path, ToyProblem(), PNSGA3())


def test_a_refused_resume_lets_go_of_its_lock(tmp_path: Path) -> None:
    minimize(ToyProblem(), PNSGA3(), callback=Checkpoint(tmp_path))
    with pytest.raises(ValueError, match="algorithm is not that of the run"):
        resume(tmp_path, ToyProblem(), PNSGA3(pop_size=6))
    FileLock(tmp_path / "checkpoint" / "lock").acquire(timeout=0).lock.release()
