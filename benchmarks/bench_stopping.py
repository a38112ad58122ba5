"""Signals at random moments of a search and of a training: how soon they end, and whether they go on.

A search with a budget, and then the training of its front, is started in a process of its own and sent SIGTERM at a
random moment of its first 25 seconds, which begin with its first words or, each fifth time, with the process, and
SIGTERM again two seconds later if it still runs. Then the same command, or ``carsmoo resume``, goes on. Figures:
``trials``; ``slowest_end``, seconds from the second signal, or from the first where that was enough, to the end;
``not_resumed``, trials after which the work did not go on.

    python -m benchmarks.bench_stopping --trials 20
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.bench_budget import SETS, write_images

PATIENCE = 2.0
"""Seconds from the first signal to the second."""

SMALL = ("--set", "training.pop_size=4", "--set", "training.bn_calibration_images=16")


def command(*words: object) -> list[str]:
    """Return a call of the command line in a process of its own."""
    return [sys.executable, "-m", "carsmoo.cli", *map(str, words)]


def stopped(call: list[str], after: float, said: Path | None) -> tuple[float, int]:
    """Start a command, send it signals, and return the seconds it took to end and its exit code.

    Args:
        call: the command.
        after: seconds to the first signal, from the first word that the command says into the file ``said``, or from
            its start where there is no file.
        said: where to.
    """
    with (said or Path(os.devnull)).open("wb") as out, subprocess.Popen(call, stdout=out, stderr=out) as process:
        while said is not None and said.stat().st_size == 0 and process.poll() is None:
            time.sleep(0.05)
        try:
            return 0.0, process.wait(after)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGTERM)
        begin = time.perf_counter()
        try:
            return time.perf_counter() - begin, process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGTERM)
        begin = time.perf_counter()
        code = process.wait()
        return time.perf_counter() - begin, code


def goes_on(call: list[str]) -> bool:
    """Return whether a command ends well."""
    return subprocess.run(call, capture_output=True, check=False).returncode == 0


def main(arguments: Sequence[str] | None = None) -> None:
    """Run as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_stopping", description="Signals at any moment.")
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    random_state = np.random.default_rng(options.seed)
    ends, lost = [], 0
    with tempfile.TemporaryDirectory() as made:
        photos, run, kept, said = (Path(made) / name for name in ("photos", "run", "kept", "said"))
        write_images(photos, *SETS["photos"])
        search = command("search", "--data", f"folder:{photos}", "--budget", "40s", *SMALL, "--out", run)
        train = command("train", kept, "--budget", "30s")
        for trial in range(options.trials):
            trains = trial % 2 == 1 and kept.is_dir()
            after, early = float(random_state.uniform(0, 25)), trial % 5 == 4
            seconds, code = stopped(train if trains else search, after, None if early else said)
            ends.append(seconds)
            resume = train if trains else command("resume", run) if (run / "log.jsonl").is_file() else search
            resumed = goes_on(resume)
            lost += not resumed
            what = "train" if trains else "search"
            print(
                f"{trial:>3} {what:<7} after {after:4.1f} s: code {code:>4}, ended in {seconds:.1f} s, {resumed}",
                flush=True,
            )
            if not trains:
                shutil.rmtree(kept, ignore_errors=True)
                run.rename(kept)
            else:
                shutil.rmtree(kept / "networks")
    figures = {"trials": options.trials, "slowest_end": round(max(ends), 2), "not_resumed": lost}
    print("RESULT " + json.dumps({"name": "stopping", "figures": figures}))


if __name__ == "__main__":
    main()
