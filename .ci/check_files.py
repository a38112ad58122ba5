"""Check that sdist and wheel hold what the repository does: ``python .ci/check_files.py DIST``."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

GENERATED = ("PKG-INFO", "setup.cfg", "carsmoo.egg-info/")
"""What setuptools adds to an sdist."""

OWN = (".ci/", ".gitignore")
"""What the repository holds for itself alone."""


def difference(name: str, found: set[str], expected: set[str]) -> list[str]:
    """Return a line for each file that is missing, or not the repository's."""
    missing = [f"{name}: {path} is missing" for path in sorted(expected - found)]
    return missing + [f"{name}: {path} is not of the repository" for path in sorted(found - expected)]


def main() -> None:
    """Compare both, and end with the differences if there are any."""
    (sdist,), (wheel,) = (list(Path(sys.argv[1]).glob(pattern)) for pattern in ("*.tar.gz", "*.whl"))
    listed = subprocess.run(["git", "ls-files", "-z"], capture_output=True, text=True, check=True).stdout
    tracked = {path for path in listed.split("\0") if path and not path.startswith(OWN)}
    with tarfile.open(sdist) as archive:
        inner = {member.name.partition("/")[2] for member in archive if member.isfile()}
    with zipfile.ZipFile(wheel) as archive:
        packed = {path for path in archive.namelist() if ".dist-info/" not in path}
    package = {path for path in tracked if path.startswith("carsmoo/")}
    wrong = difference(sdist.name, {path for path in inner if not path.startswith(GENERATED)}, tracked)
    wrong += difference(wheel.name, packed, package)
    sys.exit("\n".join(wrong) or None)


if __name__ == "__main__":
    main()
