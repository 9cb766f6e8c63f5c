"""Simulated customs declarations, in the layout of the real ones. Frozen: its oracle's score is part of what it is."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mmcore
from mmcore_hscode import sellers
from mmcore_hscode.dice import Dice
from mmcore_hscode.nomenclature import CODES, FAMILIES, FAMILY_OF, PARTNER_OF, Code, Product

VERSION = 1
"""Raised whenever the same seed would give other declarations."""

PROGRAMME_ROWS = 7593
"""As many as the programme had."""

LABEL_NOISE = 0.06
NOISE_TO_PARTNER = 0.6
"""Of the wrong codes, the share that is the other code of the family; the rest is any of the fourteen others."""

PICTURE_MISSING = 0.08
PICTURE_WRONG = 0.16
PACKAGING_SHOWN = 0.4
"""Of the wrong pictures, the share that shows packaging; the rest shows a product of any other family."""

TITLE_MISSING = 0.03
CATEGORY_MISSING = 0.05

COLUMNS = ("id", "invoice_description", "title", "category", "image", "hs_code")

NOTICE = (
    "Simulated customs declarations: no real person, company or shipment. Pictures are made from drawings of OpenMoji "
    "– the open-source emoji and icon project, CC BY-SA 4.0 (https://creativecommons.org/licenses/by-sa/4.0/) – "
    "turned, scaled, coloured and put on grounds. Nomenclature: Harmonized System 2022, shortened."
)

_WHAT, _PICTURE, _TEXT, _LABEL, _DRAWING = range(5)
"""What dice are thrown for."""


@dataclass(frozen=True)
class Declaration:
    """One simulated declaration, with what only its maker knows: the true product and what was done to it."""

    number: int
    true: Code
    product: Product
    seller: sellers.Seller
    hs6: str
    """The code as declared: the true one, or a wrong one."""
    invoice_description: str
    title: str
    category: str
    drawing: str | None
    """The OpenMoji drawing that the picture shows; None without a picture."""
    right_picture: bool

    @property
    def image(self) -> str:
        """The picture's path beside the table; empty without one."""
        return f"images/{self.number // 1000:03d}/{self.number:07d}.jpg" if self.drawing else ""

    def cells(self) -> tuple[str, ...]:
        """As it stands in the table."""
        code = f"{self.hs6[:4]}.{self.hs6[4:]}"
        return (f"D{self.number:07d}", self.invoice_description, self.title, self.category, self.image, code)


def declarations(rows: int, seed: int) -> Iterator[Declaration]:
    """The first `rows` declarations of a seed; a longer data set begins with the same ones."""
    for number in range(rows):
        yield declaration(number, seed)


def declaration(number: int, seed: int) -> Declaration:
    """One declaration; it depends on nothing but its number and the seed."""
    what, text = Dice(seed, number, _WHAT), Dice(seed, number, _TEXT)
    code = what.weighted(CODES, [each.share for each in CODES])
    product = what.one_of(code.products)
    seller = sellers.draw_seller(text)
    invoice = sellers.invoice_line(code, product, seller, text)
    title = sellers.title(code, product, seller, text)
    category = sellers.category_path(code, seller, text)
    drawing, right = _shown(code, product, Dice(seed, number, _PICTURE))
    return Declaration(
        number=number,
        true=code,
        product=product,
        seller=seller,
        hs6=_declared(code, Dice(seed, number, _LABEL)),
        invoice_description=invoice,
        title="" if what.chance(TITLE_MISSING) else title,
        category="" if what.chance(CATEGORY_MISSING) else category,
        drawing=drawing,
        right_picture=right,
    )


def _shown(code: Code, product: Product, dice: Dice) -> tuple[str | None, bool]:
    """The drawing of the product, another one, or none; and whether it is the product's."""
    if dice.chance(PICTURE_MISSING):
        return None, False
    if not dice.chance(PICTURE_WRONG):
        return product.drawings, True
    from mmcore_hscode.pictures import PACKAGING

    if dice.chance(PACKAGING_SHOWN):
        return dice.one_of(PACKAGING), False
    others = [other for other in CODES if FAMILY_OF[other.hs6] is not FAMILY_OF[code.hs6]]
    return dice.one_of(dice.one_of(others).products).drawings, False


def _declared(code: Code, dice: Dice) -> str:
    if not dice.chance(LABEL_NOISE):
        return code.hs6
    partner = PARTNER_OF[code.hs6]
    if dice.chance(NOISE_TO_PARTNER):
        return partner
    return dice.one_of([other.hs6 for other in CODES if other.hs6 not in (code.hs6, partner)])


def oracle_top_k(made: Sequence[Declaration]) -> dict[str, float]:
    """How often the declared code is among the k that are most probable to one who knows the true product.

    Nothing that reads pictures and texts can expect more, since they depend on the declared code through the product
    alone. The order: the true code, its partner, then the fourteen others, which are equally probable.
    """
    found = {}
    for k in (1, 3, 5):
        shares = [_in_first(each, k) for each in made]
        found[f"top{k}"] = sum(shares) / max(len(shares), 1)
    return found


def _in_first(made: Declaration, k: int) -> float:
    """Whether the declared code is among the oracle's first k; the chance of it where codes tie."""
    if made.hs6 == made.true.hs6:
        return 1.0
    if made.hs6 == PARTNER_OF[made.true.hs6]:
        return float(k >= 2)
    return max(k - 2, 0) / (len(CODES) - 2)


def write_declarations(
    folder: Path, rows: int, seed: int, *, progress: Callable[[str, int, int], None] | None = None
) -> None:
    """Write `declarations.csv`, `images/` and `about.json` into a folder that is made if need be.

    Raises:
        UserError: the folder holds something, or there are no rows to write.
        MissingDependency: the drawings are not installed.
    """
    from mmcore_hscode.pictures import product_picture

    if rows < 1 or seed < 0:
        raise mmcore.UserError(
            f"can't simulate {rows} declarations from seed {seed}", hint="Take 1 or more, and 0 or more."
        )
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise mmcore.UserError("is not empty", where=str(folder), hint="Name a folder that is not there yet.")
    made = list(declarations(rows, seed))
    for each in made:
        if each.drawing is not None:
            target = folder / each.image
            target.parent.mkdir(parents=True, exist_ok=True)
            any_colour = FAMILY_OF[each.true.hs6].any_colour
            target.write_bytes(product_picture(each.drawing, Dice(seed, each.number, _DRAWING), any_colour=any_colour))
        if progress is not None and (each.number % 20 == 0 or each.number == rows - 1):
            progress("draw pictures", each.number + 1, rows)
    _write(folder / "about.json", json.dumps(about(made, seed), indent=2, ensure_ascii=False) + "\n")
    _write(folder / "declarations.csv", table(made))


def _write(path: Path, text: str) -> None:
    with mmcore.writing(path) as temporary:
        temporary.write_bytes(text.encode("utf-8"))


def table(made: Sequence[Declaration]) -> str:
    """The declarations as CSV."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(each.cells() for each in made)
    return out.getvalue()


def about(made: Sequence[Declaration], seed: int) -> dict[str, Any]:
    """What the data are: codes, rates as set and as drawn, and the oracle's score on all rows."""
    rows = len(made)
    declared = Counter(each.hs6 for each in made)

    def rate(condition: Callable[[Declaration], bool]) -> float:
        return round(sum(map(condition, made)) / rows, 4)

    return {
        "what": "simulated customs declarations in the layout of real ones",
        "notice": NOTICE,
        "simulator": {"name": "hscode", "version": VERSION, "seed": seed, "rows": rows},
        "codes": [
            {
                "hs6": code.hs6,
                "text": code.text,
                "family": family.name,
                "told_from_its_partner_by": family.told_by,
                "declared": declared[code.hs6],
            }
            for family in FAMILIES
            for code in family.codes
        ],
        "rates": {
            "label_noise": {"set": LABEL_NOISE, "drawn": rate(lambda each: each.hs6 != each.true.hs6)},
            "picture_missing": {"set": PICTURE_MISSING, "drawn": rate(lambda each: each.drawing is None)},
            "picture_wrong": {
                "set": round(PICTURE_WRONG * (1 - PICTURE_MISSING), 4),
                "drawn": rate(lambda each: each.drawing is not None and not each.right_picture),
            },
            "title_missing": {"set": TITLE_MISSING, "drawn": rate(lambda each: not each.title)},
            "category_missing": {"set": CATEGORY_MISSING, "drawn": rate(lambda each: not each.category)},
        },
        "oracle": {
            "what": "knows the true product and how often which wrong code is declared; over all rows",
            **{name: round(value, 4) for name, value in oracle_top_k(made).items()},
        },
    }
