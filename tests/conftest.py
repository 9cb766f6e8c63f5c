"""Real little distributions of plugins: a package folder beside a *.dist-info folder, as pip would leave them."""

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest


@dataclass(frozen=True)
class Site:
    """A folder that stands on Python's path, as site-packages does."""

    folder: Path

    def add(self, package, source, *, points=None, version="1.0", distribution=None, entry_points=None):
        """Install a package of one file; `points` are its entry points, by default one to the package itself."""
        if source is not None:
            (self.folder / package).mkdir(parents=True, exist_ok=True)
            (self.folder / package / "__init__.py").write_text(dedent(source))
        name = distribution or package.replace("_", "-")
        records = self.folder / f"{name.replace('-', '_')}-{version}.dist-info"
        records.mkdir(parents=True, exist_ok=True)
        (records / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        points = {package.removeprefix("mmcore_"): package} if points is None else points
        lines = "".join(f"{key} = {value}\n" for key, value in points.items())
        (records / "entry_points.txt").write_text(f"[mmcore]\n{lines}" if entry_points is None else entry_points)
        return self


@pytest.fixture
def site(tmp_path, monkeypatch):
    """An empty site folder on this process's path and on that of the processes it starts; its modules are forgotten."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    before = set(sys.modules)
    yield Site(folder)
    for name in set(sys.modules) - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(folder)):
            del sys.modules[name]


@pytest.fixture(scope="session")
def beside_examples(tmp_path_factory):
    """A folder to run examples from: it has `examples`, and small data where their `mmcore simulate` lines put them."""
    from mmcore.catalog import load

    examples = Path(__file__).parents[1] / "examples"
    folder = tmp_path_factory.mktemp("beside")
    (folder / "examples").symlink_to(examples)
    lines = (line for path in sorted(examples.rglob("*.yaml")) for line in path.read_text("utf-8").splitlines())
    named = {found.groups() for line in lines if (found := re.match(r"# +mmcore simulate (\w+) (\S+)", line))}
    for name, place in sorted(named):
        (folder / place).mkdir(parents=True)
        load().get("dataset", name).simulate(folder / place, 12, 0)
    return folder
