"""A run as one HTML page that needs no network: :func:`extract` reads the run, :func:`render` makes the page."""

from carsmoo.runs.report.data import Generation, Loss, RunReport, TrainedFront, extract
from carsmoo.runs.report.page import render, write_report

__all__ = ["Generation", "Loss", "RunReport", "TrainedFront", "extract", "render", "write_report"]
