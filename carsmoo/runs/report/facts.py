"""The figures of a report in words: the facts at its head, networks trained in full, times."""

from __future__ import annotations

from collections.abc import Sequence

from carsmoo.runs.report.data import RunReport
from carsmoo.runs.report.several import Setting
from carsmoo.runs.retrained_front import CHOSEN_BY, chosen_by
from carsmoo.space.front import Front
from carsmoo.space.words import Column, counted, provenance
from carsmoo.utils.correlation import FEWEST, too_few
from carsmoo.utils.durations import duration
from carsmoo.utils.validation import finite


def facts(report: RunReport, columns: Sequence[Column]) -> list[tuple[str, str, str]]:
    """Return the figures that a reader wants first: name, value, what it belongs to."""
    front, error = report.front, report.front.names.index(report.front.score)
    told = []
    if len(front):
        told.append((f"lowest {columns[error].name}", columns[error].text(front.F[:, error].min()), _about(front)))
    if report.test_error is not None:
        told.append(("the same network on test", f"{100 * report.test_error:.2f} %", _about(front, "test")))
    told += _trained_fact(report)
    if len(front) and len(columns) > 1:
        k = next(k for k in range(len(columns)) if k != error)
        low, high = columns[k].number(front.F[:, k].min()), columns[k].text(front.F[:, k].max())
        told.append(
            (
                f"{counted(len(front), 'network')} found",
                f"{low}–{high}" if len(front) > 1 else high,
                f"{columns[k].name}, smallest to largest",
            )
        )
    scored = counted(report.generations[-1].evaluations, "evaluation") if report.generations else "no generation logged"
    told.append(("search", duration(report.seconds), f"{counted(len(report.generations), 'generation')}, {scored}"))
    return told


def facts_of_several(
    reports: Sequence[RunReport], settings: Sequence[Setting], scored: Column
) -> list[tuple[str, str, str]]:
    """Return the figures of several runs that a reader wants first, as :func:`facts` does."""
    found = [one for one in reports if len(one.front)]
    told = []
    if found:
        best = min(found, key=lambda one: float(one.front.column(one.front.score).min()))
        lowest = scored.text(best.front.column(best.front.score).min())
        told.append((f"lowest {scored.name}", lowest, f"of {best.name}; {_about(best.front)}"))
    kinds = f"of {len(settings)} settings" if len(settings) > 1 else "of one setting"
    told.append(("runs", str(len(reports)), f"{kinds}, {sum(one.ended for one in reports)} ended"))
    told.append(("networks found", str(sum(len(one.front) for one in reports)), "on all fronts"))
    told.append(("search", duration(sum(one.seconds for one in reports)), "all runs together"))
    return told


def trained_error(report: RunReport, row: int | None) -> float | None:
    """Return the error of a network of the retrained front, by its row there; None where there is none."""
    if row is None or report.trained is None or "error" not in report.trained.front.names:
        return None
    return float(report.trained.front.column("error")[row])


def trained_about(report: RunReport, row: int | None) -> str:
    """Return what the error of a network of the retrained front belongs to, by its row there."""
    if row is None or report.trained is None:
        return ""
    about = dict(report.trained.front.about)
    if isinstance(about.get("epoch"), list) and len(about["epoch"]) == len(report.trained.front):
        about["epoch"] = about["epoch"][row]
    return provenance(about)


def agreement(report: RunReport) -> str:
    """Return the rank correlation between supernet and retrained networks in words, where the run holds it.

    Of fewer networks than tell anything it is the line that says so.
    """
    kendall = report.trained.front.about.get("kendall") if report.trained else None
    n = len(report.trained.front) if report.trained else 0
    tau = finite(kendall.get("tau")) if isinstance(kendall, dict) else None
    if isinstance(kendall, dict) and n < FEWEST:
        line = too_few(n)
        return f"{line[0].upper()}{line[1:]}."
    return f"Kendall’s tau between the two orders: {tau:.2f} (n = {n})." if tau is not None else ""


def _trained_fact(report: RunReport) -> list[tuple[str, str, str]]:
    """Return the test error of the retrained network that is chosen without it, where there is one."""
    if report.trained is None or len(report.trained.front) == 0:
        return []
    final, by = report.trained.front, chosen_by(report.trained.front)
    row = None if by is None else final.best(by)
    error = trained_error(report, row)
    if by is None or error is None:
        return []
    place = report.trained.place
    named = f"network {place.index(row) + 1}, " if row in place else ""
    about = f"{named}chosen by {CHOSEN_BY[by]}; {trained_about(report, row)}"
    return [("trained in full, on test", f"{100 * error:.2f} %", about)]


def _about(front: Front, split: str | None = None) -> str:
    return provenance({**front.about, **({"split": split} if split else {})})
