"""Runs as one HTML page that needs no network: :func:`extract` reads a run, :func:`render` makes the page."""

from carsmoo.runs.report.data import RunReport, TrainedFront, extract
from carsmoo.runs.report.generations import Generation, Loss
from carsmoo.runs.report.page import render, write_report

__all__ = ["Generation", "Loss", "RunReport", "TrainedFront", "extract", "render", "write_report"]
