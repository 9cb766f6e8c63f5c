"""Write what follows from the code: the table of components in the README, the commands' help, the experiment's schema.

`python docs/generate.py` writes; with `--check` it only says what is stale, and exits with 1.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
BEGIN, END = "<!-- components: written by `make docs` -->", "<!-- end of components -->"


def main() -> int:
    """Write or check every generated file."""
    checking = "--check" in sys.argv[1:]
    stale = []
    for path, text in generated().items():
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(path.relative_to(ROOT))
        if not checking:
            path.write_text(text, encoding="utf-8")
    for path in stale:
        print(f"{path} is stale; run: make docs" if checking else f"wrote {path}")
    return 1 if checking and stale else 0


def generated() -> dict[Path, str]:
    """File → what it must hold."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    before, _, rest = readme.partition(BEGIN)
    after = rest.partition(END)[2]
    return {
        ROOT / "README.md": f"{before}{BEGIN}\n{component_table()}{END}{after}",
        ROOT / "docs" / "commands.md": commands(),
        ROOT / "docs" / "experiment.schema.json": experiment_schema(),
    }


def component_table() -> str:
    """The built-in components as Markdown."""
    from mmcore.catalog import load
    from mmcore.cli.components import TITLES

    lines = ["", "| type | name | for | what |", "|---|---|---|---|"]
    for type_, title in TITLES.items():
        for entry in load().entries(type_):
            if entry.distribution != "mmcore-framework":
                continue
            levels = getattr(entry.declaration, "level", "") or " or ".join(getattr(entry.declaration, "levels", ()))
            lines.append(f"| {title} | `{entry.name}` | {entry.kind or levels} | {entry.declaration.summary} |")
    return "\n".join(lines) + "\n\n"


def commands() -> str:
    """Every command's `--help`."""
    from mmcore.catalog import load
    from mmcore.cli.main import VERBS

    own = [command.name for command in load().plugins.commands]
    parts = ["# Commands\n\nWritten by `make docs`.\n"]
    for name in ("", *VERBS, *own):
        parts.append(f"## mmcore {name}".rstrip() + f"\n\n```text\n{help_of(*name.split())}\n```\n")
    return "\n".join(parts)


def help_of(*command: str) -> str:
    """What `mmcore … --help` prints, 100 columns wide."""
    environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1", "TERMINAL_WIDTH": "100"}
    call = [sys.executable, "-m", "mmcore.cli.main", *command, "--help"]
    done = subprocess.run(call, capture_output=True, text=True, check=True, env=environment)
    return "\n".join(line.rstrip() for line in done.stdout.strip().splitlines())


def experiment_schema() -> str:
    """The JSON schema of an experiment file, for editors."""
    from mmcore.experiment.sections import ExperimentSections

    return json.dumps(ExperimentSections.model_json_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(main())
