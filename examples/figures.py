"""The talk's figures of a data set: examples of each class, and the modalities of a clip side by side.

    python examples/figures.py railway figures/
    python examples/figures.py railway figures/ --set path=data/railway
    python examples/figures.py hscode figures/ --set path=runs/data/hscode

What a class looks like is shown in the modalities that can be looked at (pictures, clips); other kinds are left out.
"""

import argparse
import textwrap
from collections import defaultdict
from pathlib import Path

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import yaml

import mmcore
from mmcore.catalog import load

VISIBLE = ("image", "video")
BUDGET = mmcore.Budget()


def read(name: str, options: dict) -> mmcore.DataSource:
    declaration = load().get("dataset", name)
    return declaration.build(declaration.options.model_validate(options))


def sample(source: mmcore.DataSource, modality: str, row: int):
    """A decoded cell, or None where the modality is absent or can't be read."""
    field = source.modalities[modality]
    value, kind = field.value(modality, source.rows[row]), load().kind(field.kind)
    if value is None or kind.is_missing(value):
        return None
    try:
        return kind.decode(value, root=source.root, budget=BUDGET)
    except mmcore.InputError:
        return None


def draw(axes, source: mmcore.DataSource, modality: str, row: int) -> bool:
    found = sample(source, modality, row)
    axes.axis("off")
    if found is not None:
        load().kind(source.modalities[modality].kind).render(axes, found)
    return found is not None


def examples_of_classes(source: mmcore.DataSource, count: int) -> dict[str, list[int]]:
    """The first rows of each class that have all visible modalities."""
    chosen = defaultdict(list)
    visible = [name for name, field in source.modalities.items() if field.kind in VISIBLE]
    for row, label in enumerate(source.rows[source.target][:]):
        if len(chosen[str(label)]) < count and all(sample(source, name, row) is not None for name in visible):
            chosen[str(label)].append(row)
    return dict(sorted(chosen.items()))


def class_sheet(source: mmcore.DataSource, modality: str, count: int, path: Path) -> None:
    """A line for each class, with `count` examples of it."""
    chosen = examples_of_classes(source, count)
    wide = 5.0 if source.modalities[modality].kind == "video" else 1.6
    figure, grid = plt.subplots(len(chosen), count, figsize=(wide * count + 1.5, 1.45 * len(chosen)), squeeze=False)
    for line, (label, rows) in zip(grid, chosen.items(), strict=True):
        for axes in line:
            axes.axis("off")
        for axes, row in zip(line, rows, strict=False):
            draw(axes, source, modality, row)
        line[0].text(-0.04, 0.5, textwrap.fill(label, 18), transform=line[0].transAxes, ha="right", va="center")
    figure.savefig(path, dpi=120, bbox_inches="tight")
    plt.close(figure)


def side_by_side(source: mmcore.DataSource, modalities: list[str], path: Path) -> None:
    """For one example of each class, the frames of its modalities below each other: RGB and the depth of the same."""
    chosen = examples_of_classes(source, 1)
    figure, grid = plt.subplots(len(chosen) * len(modalities), 1, figsize=(9, 1.5 * len(chosen) * len(modalities)))
    for number, (label, rows) in enumerate(chosen.items()):
        for offset, modality in enumerate(modalities):
            axes = grid[number * len(modalities) + offset]
            draw(axes, source, modality, rows[0])
            axes.set_title(f"{label}: {modality}", fontsize=8, loc="left")
    figure.savefig(path, dpi=120, bbox_inches="tight")
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", help="railway, hscode, openmoji …")
    parser.add_argument("out", type=Path, help="the folder for the pictures")
    parser.add_argument("--set", action="append", default=[], metavar="OPTION=VALUE", help="an option of the data set")
    parser.add_argument("--count", type=int, default=3, help="examples of each class")
    given = parser.parse_args()
    source = read(
        given.dataset, {key: yaml.safe_load(value) for key, _, value in (each.partition("=") for each in given.set)}
    )
    visible = [name for name, field in source.modalities.items() if field.kind in VISIBLE]
    if not visible:
        parser.error(f"{given.dataset} has no pictures and no clips")
    given.out.mkdir(parents=True, exist_ok=True)
    class_sheet(source, visible[0], given.count, given.out / f"{given.dataset}-classes.png")
    for group in source.synchronised:
        shown = [name for name in group if name in visible]
        if len(shown) > 1:
            side_by_side(source, shown, given.out / f"{given.dataset}-{'-'.join(shown)}.png")
    for path in sorted(given.out.glob(f"{given.dataset}-*.png")):
        print(path)


if __name__ == "__main__":
    main()
