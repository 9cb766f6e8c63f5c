"""Write what follows from the code: the README's list of components, docs/encoders.md, docs/methods.md, the commands'
help, the experiment's schema.

`python docs/generate.py` writes; with `--check` it only says what is stale, and exits with 1.
"""

from __future__ import annotations

import inspect
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from mmcore.catalog import Entry
    from mmcore.declarations import Encoder, FusionMethod, FusionStrategy

ROOT = Path(__file__).parents[1]
BEGIN, END = "<!-- components: written by `make docs` -->", "<!-- end of components -->"

ENCODERS = """# Encoders

Written by `make docs` from what the encoders declare; `mmcore show encoder NAME` says it with all options.

Beside its own options every encoder takes `weights`: `pretrained` (the default where there are such weights), `none`,
or the path of a file. Pretrained weights are not trained unless `trainable` says so, and a frozen encoder's vectors are
computed once. What was downloaded once stays in the cache of the library that loads it, and needs no network again; a
saved model never does. Weights keep their own licences.
"""

METHODS = """# Fusion methods

Written by `make docs` from what the methods declare and from the code that computes them; `mmcore show fusion-method
NAME` says the same of one. A method belongs to a level, and a level to a strategy:

"""

METHODS_NOTES = """
*Learns from decisions*: it is fitted after training, on the validation split alone. At representation level `x_m` is
modality m's vector (or its tokens), `W`, `U` and `A` are learned, and `⊙` multiplies number by number. Whatever stands
where a modality is absent never reaches the result. Most methods have these options:

"""

LEVELS = ("input", "representation", "decision")
COMMON = 10
"""An option that so many methods have, with the same default, is explained once."""


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
        ROOT / "docs" / "encoders.md": encoders(),
        ROOT / "docs" / "experiment.schema.json": experiment_schema(),
        ROOT / "docs" / "methods.md": methods(),
    }


def built_in(type_: Any) -> list[Entry]:
    """The components of a type that mmcore itself brings."""
    from mmcore.catalog import load

    return [entry for entry in load().entries(type_) if entry.distribution == "mmcore-framework"]


def component_table() -> str:
    """The names of the built-in components as Markdown."""
    from mmcore.cli.components import TITLES

    names: dict[tuple[str, str], list[str]] = {}
    for type_, title in TITLES.items():
        for entry in built_in(type_):
            level = getattr(entry.declaration, "level", "")
            names.setdefault((title, entry.kind or level), []).append(f"`{entry.name}`")
    rows = [(title, of, ", ".join(found)) for (title, of), found in names.items()]
    return "\n" + table(("type", "for", "names"), rows) + "\n"


def encoders() -> str:
    """The encoders, their weights and licences, and what they need without a network."""
    parts = [ENCODERS]
    heads = ("encoder", "what", "weights", "their licence", "without a network", "code", "extra", "reference")
    found = built_in("encoder")
    for kind in sorted({entry.kind or "" for entry in found}):
        rows = [encoder_row(entry.declaration) for entry in found if entry.kind == kind]  # type: ignore[arg-type]
        parts.append(f"## {kind}\n\n{table(heads, rows)}")
    return "\n".join(
        [
            *parts,
            "*Code*: the licence of code or of a method that is not mmcore's own. *Extra*: what to install, as in "
            '`pip install "mmcore-framework[vision]"`.\n',
        ]
    )


def encoder_row(about: Encoder) -> tuple[str, ...]:
    """One encoder in the table of its kind."""
    source, licence = (about.weights.source, about.weights.licence) if about.weights else ("none", "–")
    return (
        f"`{about.name}`",
        about.summary,
        source,
        licence,
        without_network(about),
        about.licence or "–",
        re.sub(r".*\[(.*)\]", r"`\1`", about.extra) or "–",
        linked(about.reference) or "–",
    )


def without_network(about: Encoder) -> str:
    """What an encoder needs where nothing can be downloaded."""
    options = about.options.model_fields
    if about.weights is None:
        return "works: it is trained from scratch"
    if about.weights.offline:
        return "works with the default `encoder`" if "encoder" in options else "works: the weights come in a package"
    if "scratch" in options:
        return "`model`: a folder with its files; or `scratch`, to be trained"
    return "`weights`: a path; or `none`, to be trained"


def methods() -> str:
    """The fusion methods: level, what they read, equation, reference, defaults."""
    found: list[FusionMethod] = [entry.declaration for entry in built_in("fusion-method")]  # type: ignore[misc]
    found.sort(key=lambda about: LEVELS.index(about.level))
    chosen: list[FusionStrategy] = [entry.declaration for entry in built_in("fusion-strategy")]  # type: ignore[misc]
    strategies = [(level, ", ".join(f"`{each.name}`" for each in chosen if level in each.levels)) for level in LEVELS]
    overview = [
        (
            f"[`{about.name}`](#{about.name})",
            about.level,
            READS[about.level, about.reads],
            when_it_learns(about),
            linked(about.reference) or "–",
        )
        for about in found
    ]
    heads = ("method", "level", "reads", "learns from decisions", "reference")
    counted = Counter(row for about in found for row in option_rows(about))
    common = [row for row, count in counted.items() if count >= COMMON]
    return "".join(
        [
            METHODS,
            table(("level", "strategy"), strategies),
            METHODS_NOTES,
            table(OPTIONS, common),
            "\n",
            table(heads, overview),
            *(method(about, common) for about in found),
        ]
    )


OPTIONS = ("option", "default", "meaning")


def option_rows(about: FusionMethod) -> list[tuple[str, ...]]:
    """A method's options with their defaults."""
    return [
        (f"`{name}`", f"`{json.dumps(info.get_default(call_default_factory=True))}`", info.description or "")
        for name, info in about.options.model_fields.items()
    ]


READS = {
    ("input", "tokens"): "tokens of stems",
    ("input", "grid"): "grids",
    ("representation", "vector"): "vectors",
    ("representation", "tokens"): "tokens",
    ("decision", "vector"): "logits",
}


def when_it_learns(about: FusionMethod) -> str:
    """Whether a method is fitted to held-out decisions: always, with an option, or never."""
    options = about.options()
    if about.learns(options):
        return "yes"
    switches = [name for name in about.options.model_fields if getattr(options, name) is False]
    found = [name for name in switches if about.learns(options.model_copy(update={name: True}))]
    return f"with `{found[0]}`" if found else "no"


def method(about: FusionMethod, common: list[tuple[str, ...]]) -> str:
    """A section on one method, with the words of the class that computes it."""
    import mmcore

    width = 3 if about.level == "decision" else 8
    task = mmcore.SingleLabel(classes=("a", "b", "c"))
    options = about.options.model_validate(dict(about.tiny))
    module = about.build(options, dict.fromkeys(("first", "second"), width), task)
    said = re.split(r"\n\n(?:Args|Raises|Attributes):\n", inspect.getdoc(type(module)) or "")[0]
    paragraphs = [linked(" ".join(each.split())) for each in said.split("\n\n")]
    if not paragraphs[0].startswith(about.summary):
        paragraphs.insert(0, f"{about.summary}.")
    rows = option_rows(about)
    own, shared = [row for row in rows if row not in common], [row[0] for row in rows if row in common]
    parts = [f"\n## {about.name}\n", *(f"{each}\n" for each in paragraphs)]
    if own:
        parts.append(table(OPTIONS, own))
    if shared:
        parts.append(f"{'Also' if own else 'Options:'} {', '.join(shared)}.\n")
    return "\n".join(parts if rows else [*parts, "It has no options.\n"])


def linked(text: str) -> str:
    """Papers by their address.

    >>> linked("after arXiv:2406.04349")
    'after [arXiv:2406.04349](https://arxiv.org/abs/2406.04349)'
    """

    def link(found: re.Match[str]) -> str:
        name, number = found.group(), found.group().partition(":")[2]
        if name.startswith("http"):
            return f"[{name.partition('//')[2]}]({name})"
        return (
            f"[{name}]({'https://arxiv.org/abs/' if name.startswith('arXiv') else 'https://doi.org/'}{quote(number)})"
        )

    return re.sub(r"arXiv:\d{4}\.\d{4,5}|doi:10\.[\w./()-]*\w|https://[\w./?=&-]*\w", link, text)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of Markdown."""
    plain = [[re.sub(r"\||<(?=\w)", r"\\\g<0>", cell) for cell in row] for row in rows]
    lines = [heads, ["---"] * len(heads), *plain]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


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
