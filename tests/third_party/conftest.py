"""Installing plugins as a stranger would, beside or apart from this environment."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent


@dataclass
class Place:
    """An environment in which plugins are installed: a folder on PYTHONPATH, or a virtual environment."""

    environment: dict[str, str]
    binaries: Path
    install_options: tuple[str, ...]

    def install(self, *sources: Path) -> None:
        """Build and install packages offline."""
        subprocess.run(
            [BIN / "uv", "pip", "install", "--quiet", "--offline", "--no-deps", "--no-build-isolation",
             *self.install_options, *sources],
            check=True, env={**os.environ, "VIRTUAL_ENV": str(BIN.parent)},
        )  # fmt: skip

    def run(self, *command: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run one of the environment's commands."""
        program, *arguments = map(str, command)
        return subprocess.run(
            [self.binaries / program, *arguments], cwd=cwd, env=self.environment, capture_output=True, text=True
        )


@pytest.fixture
def beside(tmp_path) -> Place:
    """This environment, with a folder of further packages."""
    site = tmp_path / "site"
    environment = {**os.environ, "PYTHONPATH": str(site), **quiet(tmp_path)}
    return Place(environment, BIN, ("--python", sys.executable, "--target", str(site)))


@pytest.fixture(scope="module")
def clean(tmp_path_factory) -> Place:
    """A new virtual environment with our wheel; it borrows torch and the like from this one."""
    folder = tmp_path_factory.mktemp("clean")
    venv = folder / "venv"
    subprocess.run([BIN / "uv", "venv", "--quiet", "--python", sys.executable, venv], check=True)
    python = venv / "bin" / "python"
    place = Place({**os.environ, **quiet(folder)}, venv / "bin", ("--python", str(python)))
    place.environment.pop("PYTHONPATH", None)
    root = Path(__file__).parents[2]
    subprocess.run(
        [BIN / "python", "-m", "hatchling", "build", "-t", "wheel", "-d", folder / "wheels"], cwd=root, check=True
    )
    place.install(*(folder / "wheels").glob("*.whl"))
    inside = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    # a .pth adds the folder behind our own packages, and does not follow the .pth files in it: not our editable install
    (Path(inside) / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return place


def quiet(folder: Path) -> dict[str, str]:
    """A cache of its own, no network, one thread."""
    return {
        "MMCORE_CACHE": str(folder / "cache"), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "NO_COLOR": "1",
    }  # fmt: skip
