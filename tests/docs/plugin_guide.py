"""The packages that the guide for plugin authors writes out, file by file."""

from __future__ import annotations

import re
from pathlib import Path

GUIDE = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(?:python|toml|yaml)\n# (\S+\.\w+)\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)
FILES: dict[str, str] = dict(BLOCK.findall(GUIDE))
PACKAGES = sorted({path.split("/")[1] for path in FILES if path.startswith("src/")})
KIND = "mmcore_pulse"
"""The one that is written out whole: project file, tests and experiment too."""


def write_package(package: str, folder: Path) -> Path:
    """Write the files of one package; a project file of its own has the kind only, the others get that one, renamed."""
    for path, content in FILES.items():
        if path.startswith(f"src/{package}/"):
            _write(folder / path, content)
        elif path == "pyproject.toml" or (package == KIND and not path.startswith("src/")):
            name = package.removeprefix("mmcore_")
            _write(folder / path, content.replace("pulse", name))
    return folder


def write_rows(folder: Path) -> None:
    """`rows.csv`, which the guide's experiment reads: fast and slow hearts."""
    rows = [f"{'a' if n % 2 else 'b'},{n},{' '.join(str(n % 2 + k / 10) for k in range(12))}" for n in range(40)]
    _write(folder / "rows.csv", "\n".join(["label,price,beat", *rows]) + "\n")


def _write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
