import dataclasses
import json
from pathlib import Path

from carsmoo.config.retraining import TrainingRecipe
from carsmoo.nets.retraining.job import Job
from carsmoo.nets.retraining.logs import Logs, followed
from carsmoo.utils.progress import Step
from carsmoo.zoo import GENOTYPES

RECIPE = TrainingRecipe(channels=2, layers=2, epochs=3)


def jobs(folder: Path) -> list[Job]:
    one = Job(folder=folder / "0", genotype=GENOTYPES["CARS-A"], recipe=RECIPE, data="digits")
    return [one, dataclasses.replace(one, folder=folder / "1", recipe=dataclasses.replace(RECIPE, epochs=4))]


def write(job: Job, text: str) -> None:
    job.folder.mkdir(exist_ok=True)
    with (job.folder / "log.jsonl").open("a") as log:
        log.write(text)


def line(epoch: int, **figures: object) -> str:
    return json.dumps({"epoch": epoch, "split": "held-out", **figures}) + "\n"


def test_the_epochs_of_all_are_added_and_the_figures_are_of_the_one_that_told_last(tmp_path: Path) -> None:
    first, second = two = jobs(tmp_path)
    logs = Logs(two)
    step = logs.read()
    assert (step.phase, step.done, step.total, step.unit, dict(step.figures)) == ("training", 0, 7, "epochs", {})
    write(second, line(1, error=0.5) + line(2, error=0.25))
    step = logs.read()
    assert (step.done, step.figures) == (2, {"network": 2, "epoch": 2, "error": 0.25})
    write(first, line(1, error=0.75))
    assert logs.read().figures == {"network": 1, "epoch": 1, "error": 0.75}
    write(second, '{"epoch": 3, "err')
    step = logs.read()
    assert (step.done, step.figures["network"]) == (3, 1)


def test_a_damaged_line_tells_no_figures(tmp_path: Path) -> None:
    first, second = two = jobs(tmp_path)
    write(first, "no figures\n")
    assert Logs(two).read().figures == {"network": 1}
    write(second, "[1]\n")
    assert Logs(two).read().figures == {"network": 2}


def test_where_trainings_are_is_told_at_first(tmp_path: Path) -> None:
    two, heard = jobs(tmp_path), list[Step]()
    write(two[0], "".join(line(epoch) for epoch in (1, 2, 3)))
    with followed(two, heard.append):
        pass
    assert [step.done for step in heard] == [3]
