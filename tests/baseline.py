"""What runs end in, as hashes: ``python -m tests.baseline [FILE]`` prints them, or compares them with those in a file.

A change that is to leave every bit where it was is made between two calls on one machine. They tell of a search, one
that is stopped and resumed, one of two processes, and a network trained in full.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from safetensors.numpy import load_file

SMALL = ("--preset", "smoke", "--set", "training.bn_calibration_images=32")


def carsmoo(*arguments: str, processes: int = 1) -> None:
    launcher = ("-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}")
    start = (*launcher, "-m", "carsmoo.cli") if processes > 1 else ("-m", "carsmoo.cli")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, *start, *arguments], env=environment, check=True, stdout=subprocess.DEVNULL)


def digest(*parts: bytes) -> str:
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def weights(path: Path, within: str = "") -> str:
    held = load_file(path)
    return digest(*(held[name].tobytes() for name in sorted(held) if name.startswith(within)))


def of_search(run: Path) -> dict[str, str]:
    last = max((run / "checkpoint").glob("*.safetensors"))
    return {"front": digest((run / "front.csv").read_bytes()), "weights": weights(last, "state/")}


def baseline(folder: Path) -> dict[str, dict[str, str]]:
    whole, resumed, pair = (folder / name for name in ("whole", "resumed", "pair"))
    carsmoo("search", *SMALL, "--out", str(whole))
    carsmoo("search", *SMALL, "--set", "training.n_generations=1", "--out", str(resumed))
    carsmoo("resume", str(resumed), "--generations", "2")
    carsmoo("search", *SMALL, "--set", "training.subnets_per_step=2", "--out", str(pair), processes=2)
    carsmoo("train", "CARS-I", "--set", "epochs=2", "--network", "4/3", "--out", str(folder / "t"))
    trained = {name: weights(folder / "t" / f"{name}.safetensors") for name in ("best", "last")}
    return {"search": of_search(whole), "resumed": of_search(resumed), "pair": of_search(pair), "training": trained}


def main(known: str | None = None) -> int:
    with tempfile.TemporaryDirectory() as folder:
        found = baseline(Path(folder))
    print(json.dumps(found, indent=1))
    return int(known is not None and found != json.loads(Path(known).read_text()))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
