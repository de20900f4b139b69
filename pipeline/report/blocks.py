"""What a page is made of: sections of paragraphs, facts, tables and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Paragraph:
    """Running text; `kind` is text, note (small) or missing (what could not be told, and why)."""

    text: str
    kind: str = "text"


@dataclass(frozen=True)
class Fact:
    """One number that is read first: itself, what it is, and its interval and n."""

    figure: str
    name: str
    note: str = ""


@dataclass(frozen=True)
class Facts:
    """Numbers side by side."""

    facts: Sequence[Fact]


@dataclass(frozen=True)
class Table:
    """A table; the columns at the positions `left` are texts, the others numbers."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    left: Sequence[int] = (0,)


@dataclass(frozen=True)
class Picture:
    """An SVG picture, what it shows in words for those who cannot see it, and what it says."""

    svg: str
    alt: str
    caption: str = ""


Block = Paragraph | Facts | Table | Picture


@dataclass(frozen=True)
class Section:
    """A part of the report; `name` is its anchor, `in_short` its one sentence for the summary at the top."""

    name: str
    title: str
    blocks: Sequence[Block]
    in_short: str = ""
    is_missing: bool = field(default=False)

    @property
    def kinds(self) -> list[tuple[str, Block]]:
        """Return each block with the name of its kind, for the template."""
        return [(type(block).__name__.lower(), block) for block in self.blocks]
