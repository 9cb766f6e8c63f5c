"""Experiment files: YAML 1.2 read strictly, with the line at which everything stands."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmcore.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from ruamel.yaml.nodes import MappingNode, Node

MAX_BYTES = 256 * 1024
MAX_DEPTH = 32
MAX_VALUES = 50_000

_STANDARD = "tag:yaml.org,2002:"
_PLAIN = re.compile(r"\w([\w ./+-]*[\w./+-])?", re.ASCII)

KeyPath = tuple[str | int, ...]
"""The way to a value: keys and list positions from the top, as in ("encoders", "text", "trainable")."""


@dataclass(frozen=True)
class Document:
    """A file's content as plain data, and where each value stands in it.

    Args:
        data: mappings with text keys, lists, texts, finite numbers, booleans and None.
        source: the file's name, as shown to people.
        lines: the way to each value → its line, counted from 1.
        origins: the way to values that come from elsewhere (`--set a.b=c`) → what to show instead of file and line.
    """

    data: Any
    source: str
    lines: Mapping[KeyPath, int] = field(default_factory=dict)
    origins: Mapping[KeyPath, str] = field(default_factory=dict)

    def line(self, path: KeyPath) -> int | None:
        """The line of a value, or of the nearest thing around it that is in the file."""
        return next((self.lines[path[:end]] for end in range(len(path), -1, -1) if path[:end] in self.lines), None)

    def where(self, path: KeyPath) -> str:
        """What tells a person where a value stands: "experiment.yaml:7"."""
        for end in range(len(path), 0, -1):
            if path[:end] in self.origins:
                return self.origins[path[:end]]
            if path[:end] in self.lines:
                break
        line = self.line(path)
        return self.source if line is None else f"{self.source}:{line}"


def read_document(path: str | Path) -> Document:
    """Read a YAML file.

    Raises:
        UserError: it is not there, too large, not UTF-8, no YAML, or more than plain data.
    """
    path = Path(path)
    try:
        if not path.is_file():
            what = "is a folder, not an experiment file" if path.is_dir() else "there is no such file"
            raise UserError(what, where=str(path), hint=_neighbours(path))
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise UserError(f"can't be read ({error.strerror})", where=str(path)) from error
    if len(content) > MAX_BYTES:
        raise UserError(f"is larger than {MAX_BYTES // 1024} KiB; that is no experiment file", where=str(path))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UserError(
            f"byte {error.object[error.start]:#04x} is not UTF-8",
            where=f"{path}:{line}",
            hint="Save the file as UTF-8.",
        ) from error
    return parse_document(text, source=str(path))


def parse_document(text: str, *, source: str = "experiment") -> Document:
    """Read YAML from a text.

    Raises:
        UserError: as `read_document`, with the line.

    >>> document = parse_document("training:\\n  learning_rate: 1e-3\\n  note: no")
    >>> document.data
    {'training': {'learning_rate': 0.001, 'note': 'no'}}
    >>> document.where(("training", "note"))
    'experiment:3'
    """
    root = _compose(text, source)
    lines: dict[KeyPath, int] = {(): 1}
    if root is None:
        return Document(None, source, lines)
    return Document(_Reader(source, lines).value(root, ()), source, lines)


def parse_value(text: str, *, source: str) -> Any:
    """One value as it would stand behind a key: `3`, `lmf`, `{last: 2}`.

    >>> parse_value("{name: lmf, rank: 4}", source="--set")
    {'name': 'lmf', 'rank': 4}
    """
    return parse_document(text, source=source).data if text.strip() else None


def to_yaml(data: Mapping[str, Any]) -> str:
    """Plain data as YAML that `parse_document` reads back equal; short mappings on one line.

    >>> print(to_yaml({"seed": 7, "explain": {"explainer": "mm_shap", "rows": 12}}), end="")
    seed: 7
    explain: {explainer: mm_shap, rows: 12}
    """
    import io

    from ruamel.yaml import YAML

    writer = YAML()
    writer.width = 110
    writer.allow_unicode = True
    stream = io.StringIO()
    writer.dump(_styled(data), stream)
    return stream.getvalue()


def _compose(text: str, source: str) -> Node | None:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    odd = next((character for character in text if not _is_allowed(character)), None)
    if odd is not None:
        line = text[: text.index(odd)].count("\n") + 1
        raise UserError(f"holds the control character {odd!r}", where=f"{source}:{line}")
    directive = next((number for number, line in enumerate(text.splitlines(), 1) if line.startswith("%")), None)
    if directive is not None:
        raise UserError("YAML directives are not allowed", where=f"{source}:{directive}", hint="Remove this line.")
    reader = YAML(typ="safe", pure=True)
    try:
        return reader.compose(text)
    except MarkedYAMLError as error:
        problem = str(error.problem or error.context or error)
        at_end = "end of stream" in problem or "<stream end>" in problem
        mark = (error.context_mark if at_end else None) or error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        what, hint = _syntax_mistake(text, line, problem)
        raise UserError(what, where=f"{source}:{line}", hint=hint) from error
    except RecursionError as error:
        raise UserError(f"is nested deeper than {MAX_DEPTH} levels", where=source) from error
    except (YAMLError, ValueError) as error:
        raise UserError(f"is not YAML ({str(error).splitlines()[0]})", where=source) from error


def _is_allowed(character: str) -> bool:
    return character in "\n\r\t\x85" or (character >= " " and character != "\x7f" and not "\x80" <= character < "\xa0")


def _syntax_mistake(text: str, line: int, problem: str) -> tuple[str, str]:
    lines = text.splitlines()
    content = lines[line - 1] if line <= len(lines) else ""
    if "\t" in content and ("\\t" in problem or "tab" in problem or content.lstrip(" ").startswith("\t")):
        return "a tab stands where spaces belong", "Indent with spaces; YAML allows no tabs there."
    if "another document" in problem:
        return "a second document begins here", "Keep one experiment in one file."
    shown = content.strip()
    problem = problem.replace("\n", " ").strip()
    return (
        f"is not YAML ({problem}): {shown[:60]!r}",
        "Check colons, brackets, quotes and the indentation of this line.",
    )


class _Reader:
    """Turns nodes to plain data, noting lines; refuses what is more than plain data."""

    def __init__(self, source: str, lines: dict[KeyPath, int]):
        self.source, self.lines, self.count = source, lines, 0

    def value(self, node: Node, path: KeyPath) -> Any:
        from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

        self.count += 1
        if self.count > MAX_VALUES:
            raise self.error(node, f"holds more than {MAX_VALUES} values (aliases counted as often as they are used)")
        if len(path) > MAX_DEPTH:
            raise self.error(node, f"is nested deeper than {MAX_DEPTH} levels")
        if isinstance(node, MappingNode):
            self.refuse_tag(node, "map")
            return self.mapping(node, path)
        if isinstance(node, SequenceNode):
            self.refuse_tag(node, "seq")
            return [self.item(child, (*path, position)) for position, child in enumerate(node.value)]
        assert isinstance(node, ScalarNode)
        return self.scalar(node)

    def item(self, node: Node, path: KeyPath) -> Any:
        self.lines[path] = node.start_mark.line + 1
        return self.value(node, path)

    def mapping(self, node: MappingNode, path: KeyPath) -> dict[str, Any]:
        from ruamel.yaml.nodes import ScalarNode

        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                raise self.error(key_node, "a key must be a word")
            key = str(key_node.value)
            line = key_node.start_mark.line + 1
            if key in found:
                raise UserError(
                    f"the key {key!r} stands twice: here and in line {self.lines[(*path, key)]}",
                    where=f"{self.source}:{line}",
                    hint="Keep one of them.",
                )
            self.lines[(*path, key)] = line
            found[key] = self.value(value_node, (*path, key))
        return found

    def scalar(self, node: Any) -> Any:
        text, tag = str(node.value), _short_tag(node)
        try:
            if tag == "int":
                return _whole_number(text)
            if tag == "float":
                number = _decimal_number(text)
                if not math.isfinite(number):
                    raise self.error(node, f"{text!r} is no finite number")
                return number
        except ValueError as error:
            raise self.error(node, f"{text[:40]!r} is no number that can be used") from error
        if tag == "bool":
            return text.lower() == "true"
        if tag == "null":
            return None
        if tag in ("str", "timestamp", "value", "merge"):
            return text
        raise self.error(node, f"the tag {_tag(node)!r} is not allowed", "Write plain values.")

    def refuse_tag(self, node: Any, plain: str) -> None:
        if _short_tag(node) != plain:
            raise self.error(node, f"the tag {_tag(node)!r} is not allowed", "Write plain values.")

    def error(self, node: Any, what: str, hint: str | None = None) -> UserError:
        return UserError(what, where=f"{self.source}:{node.start_mark.line + 1}", hint=hint)


def _tag(node: Any) -> str:
    """As it is written in a file."""
    return str(node.tag).replace(_STANDARD, "!!")


def _short_tag(node: Any) -> str:
    return str(node.tag).removeprefix(_STANDARD)


def _whole_number(text: str) -> int:
    digits = text.replace("_", "").lower()
    sign = -1 if digits.startswith("-") else 1
    digits = digits.lstrip("+-")
    base = {"0x": 16, "0o": 8, "0b": 2}.get(digits[:2])
    return sign * (int(digits[2:], base) if base else int(digits))


def _decimal_number(text: str) -> float:
    plain = text.replace("_", "").lower()
    if plain.endswith((".inf", ".nan")):
        plain = plain.replace(".", "")
    return float(plain)


def _neighbours(path: Path) -> str:
    folder = path if path.is_dir() else path.parent
    try:
        found = (item.name for item in folder.iterdir() if item.suffix in (".yaml", ".yml"))
        names = sorted(name for name in found if not name.startswith("."))
    except OSError:
        return f"There is no folder {str(folder)!r}."
    return did_you_mean(path.name, names) if names else f"No .yaml file lies in {str(folder)!r}."


def _styled(value: Any, depth: int = 0) -> Any:
    """Mappings and lists that hold few plain values go on one line."""
    from ruamel.yaml.comments import CommentedMap, CommentedSeq

    if isinstance(value, Mapping):
        styled: Any = CommentedMap()
        for key, item in value.items():
            styled[_quoted(str(key))] = _styled(item, depth + 1)
        inner = list(value.values())
    elif isinstance(value, list | tuple):
        styled = CommentedSeq(_styled(item, depth + 1) for item in value)
        inner = list(value)
    else:
        return _quoted(value) if isinstance(value, str) else value
    nested = any(isinstance(item, Mapping) and item for item in inner)
    if not inner or (depth and not nested and len(str(value)) < 80):
        styled.fa.set_flow_style()
    return styled


def _quoted(text: str) -> str:
    """With quotes around it wherever a character could mean something; plain words are left to the writer."""
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString

    return text if _PLAIN.fullmatch(text) else DoubleQuotedScalarString(text)
