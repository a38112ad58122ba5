"""Runs as one HTML page that needs no network: :func:`extract` reads a run, :func:`render` makes the page."""

from carsmoo.runs.report.data import RunReport, TrainedFront, extract
from carsmoo.runs.report.generations import Generation, Loss
from carsmoo.runs.report.page import render, write_report
from carsmoo.runs.report.several import extract_each
from carsmoo.runs.report.trainings import NetworkTraining

__all__ = [
    "Generation",
    "Loss",
    "NetworkTraining",
    "RunReport",
    "TrainedFront",
    "extract",
    "extract_each",
    "render",
    "write_report",
]
