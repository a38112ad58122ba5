"""Estimates of the time left: of a phase, of a search, of the training of several networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from carsmoo.utils.progress import Step


def phase_left(done: float, total: float, seconds: float, begun: float = 0) -> float | None:
    """Return the seconds left of a phase whose steps all take the same time.

    Args:
        done: steps that are done.
        total: steps in all.
        seconds: that the steps after ``begun`` took.
        begun: steps that were done before the time was taken.

    Returns:
        Seconds from 0; None where no step was timed.
    """
    if done >= total:
        return 0.0
    return None if done <= begun else (total - done) * seconds / (done - begun)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a search consists of.

    Attributes:
        warmup_epochs: epochs of warm-up.
        generations: generations that train.
        epochs_per_generation: epochs of each.
        probes: networks that are trained alone at its end.
    """

    warmup_epochs: float
    generations: float
    epochs_per_generation: float
    probes: int = 0


@dataclass(frozen=True, kw_only=True)
class Spent:
    """How far a search has come, and what its parts took.

    Attributes:
        epochs: epochs of warm-up that are done.
        epoch_seconds: mean seconds of an epoch; None where none was timed.
        generations: generations that are done, a part of one as a fraction.
        generation_seconds: mean seconds of a generation, scoring and all; None where no whole one was timed.
        probes: of those at its end, how many are done or need not be trained.
        probe_seconds: mean seconds of one; None where none was timed, and none counts.
    """

    epochs: float
    epoch_seconds: float | None
    generations: float
    generation_seconds: float | None
    probes: int = 0
    probe_seconds: float | None = None


def run_left(plan: Plan, spent: Spent) -> float | None:
    """Return the seconds left of a search; until a whole generation was timed, as if it only trained.

    Returns:
        Seconds from 0; None where what is left was never timed.
    """
    epochs = max(plan.warmup_epochs - spent.epochs, 0.0)
    generations = max(plan.generations - spent.generations, 0.0)
    left = 0.0
    if epochs:
        if spent.epoch_seconds is None:
            return None
        left += epochs * spent.epoch_seconds
    if generations:
        each = spent.generation_seconds
        if each is None and spent.epoch_seconds is not None:
            each = plan.epochs_per_generation * spent.epoch_seconds
        if each is None:
            return None
        left += generations * each
    return left + max(plan.probes - spent.probes, 0) * (spent.probe_seconds or 0.0)


class Estimate(Protocol):
    """What tells the time left of all, from steps and the times at which they were heard."""

    def hear(self, step: Step, now: float) -> None:
        """Take a step, heard at ``now``, in seconds."""

    def left(self, now: float) -> float | None:
        """Return the seconds left at ``now``; None where they are not known."""


class SearchEstimate:
    """The time left of a search, by :func:`run_left`, from its steps.

    A generation is timed from the begin of its training to that of the next.

    Args:
        plan: what the search consists of.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._last: tuple[Step, float] | None = None
        self._timed = dict.fromkeys(("warm-up", "training", "probes"), (0.0, 0.0))  # epochs, or networks, and seconds
        self._probed = 0
        self._warm = 0.0
        self._generation = (0, 0.0)  # the one that trains or trained last, and when its training began
        self._trains = False
        self._whole = (0, 0.0)  # generations and their seconds

    def hear(self, step: Step, now: float) -> None:
        """Take a step, heard at ``now``, in seconds."""
        if step.phase == "warm-up":
            self._warm = self.plan.warmup_epochs * step.done / max(step.total, 1)
        elif step.phase in ("training", "scoring"):
            self._warm = self.plan.warmup_epochs
        number, began = self._generation
        if step.phase == "training" and not (self._trains and number == step.time):
            if self._trains and step.time == number + 1:
                self._whole = self._whole[0] + 1, self._whole[1] + now - began
            self._generation, self._trains = (step.time, now), True
        elif not self._trains:
            self._generation = step.time, now
        if self._last is not None and step.phase in self._timed:
            before, at = self._last
            if before.phase == step.phase and before.time == step.time and before.done < step.done:
                plan, (n, seconds) = self.plan, self._timed[step.phase]
                epochs = {"warm-up": plan.warmup_epochs, "training": plan.epochs_per_generation}
                more = epochs.get(step.phase, step.total) * (step.done - before.done) / step.total
                self._timed[step.phase] = n + more, seconds + now - at
        last = step.time > 0 or not self.plan.generations  # those of the first population are over
        if step.phase == "probes" and last:
            self._probed = self.plan.probes - (step.total - step.done)
        self._last = step, now

    def spent(self, now: float) -> Spent:
        """Return how far the search has come at ``now``, and what its parts took."""
        n, seconds = self._whole
        each = seconds / n if n else None
        number, began = self._generation
        epochs, taken = self._timed["training"] if self._timed["training"][0] else self._timed["warm-up"]
        epoch = taken / epochs if epochs else None
        guess = each if each is not None or epoch is None else self.plan.epochs_per_generation * epoch
        part = min((now - began) / guess, 1.0) if self._trains and guess else 0.0
        probes, alone = self._timed["probes"]
        return Spent(
            epochs=self._warm,
            epoch_seconds=epoch,
            generations=number + part,
            generation_seconds=each,
            probes=self._probed,
            probe_seconds=alone / probes if probes else None,
        )

    def left(self, now: float) -> float | None:
        """Return the seconds left at ``now``; None where they are not known."""
        return run_left(self.plan, self.spent(now))


class NetworksEstimate:
    """The time left of the training of several networks, by :func:`phase_left`, from its steps.

    A network whose training took longer than the time since the first step was there already, and is not timed.

    Args:
        networks: the phase of whose steps each is a network; the steps of one are those of ``"training"``.
    """

    def __init__(self, networks: str) -> None:
        self.networks = networks
        self._begin: float | None = None
        self._done = self._total = 0
        self._part = 0.0  # of the network that is trained now
        self._timed = 0.0  # networks, and parts of them, that were trained here
        self._trains = False

    def hear(self, step: Step, now: float) -> None:
        """Take a step, heard at ``now``, in seconds."""
        if self._begin is None and step.phase in (self.networks, "training"):
            self._begin = now
        if self._begin is not None and step.phase == self.networks:
            trained = step.figures.get("seconds", 0.0) <= now - self._begin
            if step.done > self._done and not self._trains and trained:
                self._timed += step.done - self._done
            self._done, self._total, self._part, self._trains = step.done, step.total, 0.0, False
        elif step.phase == "training":
            part = step.done / max(step.total, 1)
            if self._trains and part > self._part:
                self._timed += part - self._part
            self._part, self._trains = part, True

    def left(self, now: float) -> float | None:
        """Return the seconds left at ``now``; None where they are not known."""
        if self._begin is None:
            return None
        done = self._done + self._part
        return phase_left(done, self._total, now - self._begin, done - self._timed)
