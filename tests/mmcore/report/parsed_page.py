"""A page read back with the standard library: its elements, tables and text; unbalanced tags are refused."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "img", "br", "hr", "input", "line", "rect", "path", "polyline"}


@dataclass
class Element:
    tag: str
    attributes: dict
    parent: "Element | None" = None
    children: list = field(default_factory=list)

    @property
    def text(self):
        return "".join(child if isinstance(child, str) else child.text for child in self.children)

    def all(self, tag=None, **attributes):
        for child in self.children:
            if isinstance(child, Element):
                wanted = {name.rstrip("_"): value for name, value in attributes.items()}
                if tag in (None, child.tag) and all(
                    value in (child.attributes.get(name) or "").split() for name, value in wanted.items()
                ):
                    yield child
                yield from child.all(tag, **attributes)

    def one(self, tag=None, **attributes):
        return next(self.all(tag, **attributes))

    def table(self):
        """Rows of cell texts, spaces joined; a cell's small print is left out."""
        return [
            [cell.without_small() for cell in row.children if isinstance(cell, Element) and cell.tag in ("th", "td")]
            for row in self.all("tr")
        ]

    def without_small(self):
        parts = [
            child if isinstance(child, str) else child.without_small()
            for child in self.children
            if isinstance(child, str) or child.tag != "small"
        ]
        return " ".join("".join(parts).split(" ")).strip("\n ")


class _Reader(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.root = self.open = Element("document", {})

    def handle_starttag(self, tag, attributes, closed=False):
        names = [name for name, _ in attributes]
        assert len(names) == len(set(names)), f"<{tag}> has an attribute twice: {names}"
        element = Element(tag, dict(attributes), self.open)
        self.open.children.append(element)
        if not closed and tag not in VOID:
            self.open = element
        elif not closed:
            assert tag not in {"line", "path", "polyline"}, f"<{tag}> is not closed"
            self.open = element if tag == "rect" else self.open  # a rect may hold a title

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes, closed=True)

    def handle_endtag(self, tag):
        assert self.open.tag == tag, f"</{tag}> closes <{self.open.tag}>"
        self.open = self.open.parent

    def handle_data(self, data):
        self.open.children.append(data)


def parse(text):
    """The document; every tag that opens closes, in order."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    assert reader.open is reader.root, f"<{reader.open.tag}> stays open"
    return reader.root
