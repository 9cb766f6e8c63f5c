"""Which columns look like texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

_PHRASES = (
    "a red cable, two metres",
    "trail shoe",
    "blue cotton shirt with long sleeves",
    "cup",
    "steel bottle; keeps tea warm",
    "wool hat for children",
    "a lamp",
    "garden chair (folding)",
)


def looks_like_text(name: str, values: list[Any]) -> float:
    """From 0 to 1: a column of strings that vary and have several words is a text; file names and codes are not."""
    texts = [value for value in values if isinstance(value, str) and value.strip()]
    if not texts or len(texts) < 0.5 * sum(value is not None for value in values):
        return 0.0
    if sum(_looks_like_file(text) for text in texts) > 0.5 * len(texts):
        return 0.0
    several = sum(len(text.split()) > 1 for text in texts) / len(texts)
    distinct = len(set(texts)) / len(texts)
    return min(1.0, 0.1 + 0.4 * several + 0.5 * distinct)


def examples(folder: Path, count: int) -> list[Any]:
    """Phrases of different lengths."""
    return [f"{_PHRASES[number % len(_PHRASES)]} {number // len(_PHRASES) or ''}".strip() for number in range(count)]


def _looks_like_file(text: str) -> bool:
    suffix = Path(text).suffix
    return 2 <= len(suffix) <= 5 and " " not in suffix and suffix[1:].isalnum() and not suffix[1:].isdigit()
