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
    wheels: Path

    def install(self, *sources: Path) -> None:
        """Build and install packages offline."""
        subprocess.run(
            [BIN / "uv", "pip", "install", "--quiet", "--offline", "--no-deps", "--no-build-isolation",
             *self.install_options, *sources],
            check=True, env={**os.environ, "VIRTUAL_ENV": str(BIN.parent)},
        )  # fmt: skip

    def build(self, source: Path) -> Path:
        """Build the wheel of a package, offline."""
        before = set(self.wheels.glob("*.whl"))
        subprocess.run(
            [BIN / "python", "-m", "hatchling", "build", "-t", "wheel", "-d", self.wheels], cwd=source, check=True
        )
        (wheel,) = set(self.wheels.glob("*.whl")) - before
        return wheel

    def run(self, *command: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run one of the environment's commands, by custom far from our sources."""
        program, *arguments = map(str, command)
        return subprocess.run(
            [self.binaries / program, *arguments],
            cwd=cwd or self.wheels.parent,
            env=self.environment,
            capture_output=True,
            text=True,
        )


@pytest.fixture
def beside(tmp_path) -> Place:
    """This environment, with a folder of further packages."""
    return _beside(tmp_path)


@pytest.fixture(scope="module")
def beside_all(tmp_path_factory) -> Place:
    """The same, shared by the tests of a file."""
    return _beside(tmp_path_factory.mktemp("beside"))


def _beside(folder: Path) -> Place:
    site = folder / "site"
    environment = {**os.environ, "PYTHONPATH": str(site), **quiet(folder)}
    return Place(environment, BIN, ("--python", sys.executable, "--target", str(site)), folder / "wheels")


@pytest.fixture(scope="module")
def clean(tmp_path_factory) -> Place:
    """A new virtual environment with our wheel; it borrows torch and the like from this one."""
    folder = tmp_path_factory.mktemp("clean")
    venv = folder / "venv"
    subprocess.run([BIN / "uv", "venv", "--quiet", "--python", sys.executable, venv], check=True)
    python = venv / "bin" / "python"
    place = Place({**os.environ, **quiet(folder)}, venv / "bin", ("--python", str(python)), folder / "wheels")
    place.environment.pop("PYTHONPATH", None)
    place.install(place.build(Path(__file__).parents[2]))
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
