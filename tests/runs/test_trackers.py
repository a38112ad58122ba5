import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple
from unittest.mock import Mock

import pytest

from carsmoo.nets.distributed.group import ALONE
from carsmoo.runs.logger import LoggerError
from carsmoo.runs.session import Session
from carsmoo.runs.trackers import MLflowLogger, TensorBoardLogger, WandbLogger, logger_of
from carsmoo.utils.progress import Step
from carsmoo.utils.validation import StoppedError
from tests.support.kills import CONFIG
from tests.support.runs import Stop

PACKAGES = {"tensorboard": "tensorboardX", "mlflow": "mlflow", "wandb": "wandb"}


class Told(NamedTuple):
    """A value that a tracker was told."""

    step: int
    name: str
    value: float


@contextmanager
def kept_in(folder: Path) -> Iterator[pytest.MonkeyPatch]:
    """Keep what MLflow and Weights & Biases write in a folder: MLflow's file store, and files of offline runs."""
    settings = {
        **{"MLFLOW_TRACKING_URI": (folder / "mlruns").as_uri(), "MLFLOW_ALLOW_FILE_STORE": "true"},
        **{"MLFLOW_DISABLE_TELEMETRY": "true", "WANDB_MODE": "offline", "WANDB_SILENT": "true"},
        **{"WANDB_ERROR_REPORTING": "false", "WANDB_CONFIG_DIR": str(folder), "WANDB_CACHE_DIR": str(folder)},
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        yield patch


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return the directory of a search that was left in its second generation, resumed, and told to all there are."""
    folder = tmp_path_factory.mktemp("trackers")
    trackers = [name for name, package in PACKAGES.items() if find_spec(package) is not None]
    with kept_in(folder):
        session = Session(folder / "run", say=lambda text: None, group=ALONE)
        session.start(CONFIG.updated({"log": trackers}))

        def stop(step: Step) -> None:
            if step.phase == "training" and session.algorithm.n_gen == 3 and step.figures:
                raise Stop

        session.problem.run_listeners.append(stop)  # after all that log
        with pytest.raises(Stop):
            session.run()
        session.run_dir.unlock()
        again = Session(folder / "run", say=lambda text: None, group=ALONE)
        again.resume()
        again.run()
        yield folder / "run"


@pytest.fixture(scope="module")
def known(run: Path) -> list[Told]:
    """Return what the run's own log has of it."""
    told = []
    for event in map(json.loads, (run / "log.jsonl").read_text().splitlines()):
        if event["event"] in ("warm-up", "training"):
            told.append(Told(event["epoch"], f"{event['event']}/loss", event["loss"]))
        elif event["event"] == "generation":
            told += [Told(event["epoch"], f"best/{name}", value) for name, value in event["best"].items()]
    assert len(told) == 2 + 3 + 2 * 4
    return told


def records(content: bytes) -> Iterator[bytes]:
    """Yield the records of a TensorBoard file: their length in 8 bytes, 4 of a checksum, themselves, 4 of another."""
    at = 0
    while at < len(content):
        length = int.from_bytes(content[at : at + 8], "little")
        yield content[at + 12 : at + 12 + length]
        at += 16 + length


def test_tensorboard_keeps_each_epoch_and_generation_once(run: Path, known: list[Told]) -> None:
    pytest.importorskip("tensorboardX", reason="needs tensorboardX: pip install 'carsmoo[tensorboard]'")
    from tensorboardX.proto.event_pb2 import Event, SessionLog

    files = sorted((run / "tensorboard").iterdir(), key=lambda path: path.stat().st_mtime)
    assert len(files) == 2
    kept: list[Told] = []
    for event in (Event.FromString(record) for path in files for record in records(path.read_bytes())):
        if event.session_log.status == SessionLog.START:  # as TensorBoard reads it
            kept = [one for one in kept if one.step < event.step]
        kept += [Told(event.step, value.tag, value.simple_value) for value in event.summary.value]
    losses = [one for one in kept if one.name in {name for _, name, _ in known}]
    assert [one[:2] for one in losses] == [one[:2] for one in known]
    assert [one.value for one in losses] == pytest.approx([one.value for one in known])
    assert [one.name for one in kept].count("config/text_summary") == 1


def test_mlflow_goes_on_in_the_same_run(run: Path, known: list[Told], tmp_path: Path) -> None:
    pytest.importorskip("mlflow", reason="needs MLflow: pip install 'carsmoo[mlflow]'")
    from mlflow import MlflowClient

    client = MlflowClient()
    experiment = client.get_experiment_by_name("carsmoo")
    (found,) = client.search_runs([experiment.experiment_id])
    told = found.info.run_id
    assert (found.info.run_name, found.info.status) == ("run", "FINISHED")
    assert found.data.params["training.n_generations"] == str(CONFIG.training.n_generations)
    metrics = [one for name in {one.name for one in known} for one in client.get_metric_history(told, name)]
    assert {Told(one.step, one.key, one.value) for one in metrics} == set(known)

    logger = MLflowLogger(run)
    logger.begin({})
    logger.log({"best/size (MB)": 2.5}, 9)  # a name that MLflow would refuse
    logger.end(finished=False)
    assert client.get_run(told).info.status == "KILLED"
    assert client.get_run(told).data.metrics["best/size _MB_"] == 2.5

    with kept_in(tmp_path), pytest.raises(LoggerError, match=f"^mlflow: .*{told}"):
        MLflowLogger(run).begin({})
    (tmp_path / "mlflow.json").write_text("[]")
    with pytest.raises(ValueError, match=r"mlflow\.json: expected the id of a run, got something else"):
        MLflowLogger(tmp_path).begin({})


def test_a_run_of_mlflow_whose_settings_were_not_told_is_begun_again(tmp_path: Path) -> None:
    pytest.importorskip("mlflow", reason="needs MLflow: pip install 'carsmoo[mlflow]'")
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    with kept_in(tmp_path) as patch:
        with patch.context() as broken:
            broken.setattr(MlflowClient, "log_batch", Mock(side_effect=MlflowException("no connection")))
            with pytest.raises(LoggerError, match=r"^mlflow: no connection"):
                MLflowLogger(tmp_path).begin({"a": 1})
        MLflowLogger(tmp_path).begin({"a": 1})
        told = json.loads((tmp_path / "mlflow.json").read_text())["run_id"]
        assert MlflowClient().get_run(told).data.params == {"a": "1"}


def wandb_records(content: bytes) -> Iterator[bytes]:
    """Yield the records of an offline run: after 7 bytes LevelDB's log, blocks of 32 kB with pieces of records."""
    at, whole = 7, b""
    while at + 7 <= len(content):
        left = 32768 - at % 32768
        if left < 7:
            at += left
            continue
        length, kind = int.from_bytes(content[at + 4 : at + 6], "little"), content[at + 6]
        whole += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last piece
            yield whole
            whole = b""


def test_weights_and_biases_goes_on_in_the_same_run(run: Path, known: list[Told]) -> None:
    pytest.importorskip("wandb", reason="needs wandb: pip install 'carsmoo[wandb]'")
    from wandb.proto.wandb_internal_pb2 import Record

    files = sorted((run / "wandb").glob("offline-run-*/*.wandb"))
    found = [[Record.FromString(record) for record in wandb_records(path.read_bytes())] for path in files]
    runs = [one.run for part in found for one in part if one.WhichOneof("record_type") == "run"]
    assert len(files) == 2
    assert {run.run_id for run in runs} == {json.loads((run / "wandb.json").read_text())["run_id"]}
    assert {(run.project, run.display_name) for run in runs} == {("carsmoo", "run")}
    (training,) = {one.value_json for one in runs[0].config.update if one.key == "training"}
    assert json.loads(training)["n_generations"] == CONFIG.training.n_generations
    history = set()
    for record in (one.history for part in found for one in part if one.WhichOneof("record_type") == "history"):
        values = {one.nested_key[0]: json.loads(one.value_json) for one in record.item}
        history |= {Told(record.step.num, name, value) for name, value in values.items() if "/" in name}
    assert {one for one in history if one.name in {name for _, name, _ in known}} == set(known)
    exits = [one.exit.exit_code for part in found for one in part if one.WhichOneof("record_type") == "exit"]
    assert exits == [1, 0]


@pytest.mark.parametrize(("name", "package"), PACKAGES.items())
def test_a_missing_extra_is_named_before_anything_is_written(
    name: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    expected = rf"^{name}: expected the package {package}, got none; pip install 'carsmoo\[{name}\]'$"
    with pytest.raises(ModuleNotFoundError, match=expected):
        Session(tmp_path / "run", say=lambda text: None, group=ALONE).start(CONFIG.updated({"log": [name]}))
    assert not (tmp_path / "run").exists()


def test_a_tracker_that_fails_at_the_start_ends_a_search_and_later_does_not(tmp_path: Path) -> None:
    pytest.importorskip("mlflow", reason="needs MLflow: pip install 'carsmoo[mlflow]'")
    warned: list[str] = []
    with kept_in(tmp_path) as patch:
        patch.setenv("MLFLOW_TRACKING_URI", "nowhere://at-all")
        session = Session(tmp_path / "run", say=lambda text: None, group=ALONE)
        with pytest.raises(StoppedError, match=r"^mlflow: .*nowhere://.*; once that is mended: carsmoo resume .*run$"):
            session.start(CONFIG.updated({"log": ["mlflow"]}))
    with kept_in(tmp_path) as patch:
        session = Session(tmp_path / "run", say=lambda text: None, warn=warned.append, group=ALONE)
        session.resume()
        patch.setattr("mlflow.MlflowClient.log_batch", refuse)
        for loss in (2.0, 1.0):
            step = Step(phase="warm-up", done=1, total=2, unit="steps", figures={"loss": loss})
            session.algorithm.callback.callbacks[1].hear(step)
    assert warned == ["mlflow: no answer; the search goes on without it"]


def refuse(*args: object, **kwargs: object) -> None:
    """Fail as MLflow does."""
    from mlflow.exceptions import MlflowException

    raise MlflowException("no\nanswer")


def test_an_unknown_tracker_and_a_file_in_the_place_of_the_events_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="log: expected one of tensorboard, mlflow, wandb, got 'comet'"):
        logger_of("comet", tmp_path)
    (tmp_path / "tensorboard").write_text("mine")
    with pytest.raises(FileExistsError, match="tensorboard: expected a directory, got something else"):
        TensorBoardLogger(tmp_path)
    assert isinstance(logger_of("wandb", tmp_path), WandbLogger)
