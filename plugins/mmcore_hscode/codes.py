"""HS codes and texts as they are written, and as they are compared."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection

_SEPARATORS = re.compile(r"[\s.\-/\u2010-\u2015]+")


def code_at_level(value: Any, level: int) -> str | None:
    """The first `level` digits of an HS code; None if it is no code, or a shorter one.

    Codes have an even number of digits (chapter, heading, subheading, national lines), so that an odd number means
    that a leading zero was lost on the way, in a spreadsheet or as a number.

    >>> code_at_level("0902.10.00", 6), code_at_level(90210, 6), code_at_level("8517.13", 4), code_at_level("85", 6)
    ('090210', '090210', '8517', None)
    """
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, float):
        if not value.is_integer():
            return None
        value = int(value)
    digits = _SEPARATORS.sub("", str(value).strip())
    if not (digits.isascii() and digits.isdigit()):
        return None
    digits = digits.zfill(len(digits) + len(digits) % 2)
    return digits[:level] if level <= len(digits) <= 12 else None


def clean_text(text: str, steps: Collection[str]) -> str:
    """A text without what `steps` name: `punctuation` (symbols too), `digits`, `case`; single spaces between words.

    >>> clean_text("NEW!! USB-C cable, 2 m (3A) ★", ("punctuation", "digits", "case"))
    'new usb c cable m a'
    """
    if "case" in steps:
        text = text.casefold()
    drop = {"punctuation": "PS", "digits": "N"}
    unwanted = {category for step in steps for category in drop.get(step, "")}
    kept = [" " if unicodedata.category(character)[0] in unwanted else character for character in text]
    return " ".join("".join(kept).split())


def same_text_key(text: str) -> str:
    """What two texts that say the same have in common: without capitals and surplus spaces.

    >>> same_text_key(" USB  cable") == same_text_key("usb Cable")
    True
    """
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
