"""The report stage: one self-contained page per language from what the other stages have written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from pipeline import console
from pipeline.engine import DuckDBEngine
from pipeline.errors import DataError, PipelineError
from pipeline.outputs import MANIFEST, fingerprint, is_current, read_manifest, whole, write_file
from pipeline.program import code_fingerprint
from pipeline.report.blocks import Paragraph, Section
from pipeline.report.context import Source
from pipeline.report.parts.audience import audience
from pipeline.report.parts.ideal import ideal
from pipeline.report.parts.market import market
from pipeline.report.parts.messages import messages
from pipeline.report.parts.overview import overview
from pipeline.report.parts.quality import quality
from pipeline.report.parts.segments import segments
from pipeline.report.parts.value import value
from pipeline.report.words import Words
from pipeline.settings import Settings, as_plain
from pipeline.timeline import as_of_name, resolve_as_of
from pipeline.tracking import Tracker

# In the order in which they are read. What one reads from is the data set beside it: where that is missing, the section
# says so and the others appear.
PARTS: Mapping[str, Callable[[Source], Section]] = {
    "overview": overview,
    "quality": quality,
    "ideal": ideal,
    "segments": segments,
    "value": value,
    "market": market,
    "audience": audience,
    "messages": messages,
}


MADE_BY = {"segments": "segments", "value": "value", "ideal": "value", "market": "market", "messages": "messages"}


def report(
    settings: Settings, outputs: Path, tracker: Tracker, failed: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Write `report/report-<language>.html` and log it; return the manifest.

    Parameters
    ----------
    failed
        Why stages failed in this run: their sections tell it, and not what stood before.

    Raises
    ------
    DataError
        If features have not been made yet: then there is nothing to tell.
    ConfigError
        If there are no texts in a language.
    """
    events = read_manifest(outputs / "events")
    as_of_us = resolve_as_of(settings.data, events)
    written = {path.parent.relative_to(outputs).as_posix(): read_manifest(path.parent) for path in _manifests(outputs)}
    expected = fingerprint(
        {name: manifest["fingerprint"] for name, manifest in written.items()},
        as_plain(settings.report),
        as_plain(settings.lookalike)["name"],
        as_plain(settings.market),
        as_of_us,
        failed or {},
        settings.model.min_precision,
        tracker.uri,
        code_fingerprint(),
    )
    folder = outputs / "report"
    if is_current(folder, expected):
        console.say(f"report: nothing has changed since {folder} was written")
        return read_manifest(folder)
    facts: dict[str, Any] = {"as_of_us": as_of_us, "data": settings.data.name, "missing": {}}
    with whole(folder, expected, facts) as unfinished:
        pages = {}
        with DuckDBEngine(1, settings.engine.memory_limit_gb, settings.engine.spill) as engine:
            for language in settings.report.languages:
                words = Words(language, settings.report.labels.get(language, {}))
                source = Source(settings, outputs, engine, words, as_of_us)
                sections = [
                    _section(source, name, tell, facts["missing"], (failed or {}).get(MADE_BY.get(name, "")))
                    for name, tell in PARTS.items()
                ]
                name = f"report-{language}.html"
                pages[name] = _page(source, sections, as_of_us, expected)
                write_file(unfinished / name, partial(_write, pages[name]))
        tags = {"stage": "report", "source": settings.data.name, "as_of": as_of_name(as_of_us)}
        with tracker.run(f"report {expected[:6]}", expected, tags) as run_id:
            measured = {"sections": float(len(PARTS)), "missing": float(len(facts["missing"]))}
            tracker.log(run_id, {"languages": settings.report.languages}, measured, texts=pages)
    for name, reason in facts["missing"].items():
        console.warn(f"report: the part '{name}' is missing: {reason}")
    console.say("report: " + ", ".join(str(folder / f"report-{one}.html") for one in settings.report.languages))
    return facts


def _manifests(outputs: Path) -> list[Path]:
    """Return the manifests of all finished data sets but the report's own, sorted."""
    found = [path for path in outputs.rglob(MANIFEST) if ".partial-" not in str(path) and ".replaced" not in str(path)]
    return sorted(path for path in found if path.parent != outputs / "report")


def _section(
    source: Source, name: str, tell: Callable[[Source], Section], missing: dict[str, str], failed: str | None
) -> Section:
    """Return a section, or one that says why it is missing."""
    words = source.words
    try:
        if failed is not None:
            raise DataError(failed)
        return tell(source)
    except PipelineError as error:
        missing[name] = str(error)
        said = Paragraph(words.say("missing", reason=str(error)), "missing")
        return Section(name, words.say(f"{name}.title"), [said], is_missing=True)


def _page(source: Source, sections: list[Section], as_of_us: int, expected: str) -> str:
    words, data = source.words, source.settings.data
    day = words.day(as_of_us, data.time_zone)
    title = words.say("title", source=words.label(data.name))
    subtitle = words.say("subtitle", as_of=day, min_cell=source.settings.report.min_cell)
    footer = words.say("footer", version=version("lookalike"), source=data.name, settings=expected)
    return _template().render(words=words, title=title, subtitle=subtitle, sections=sections, footer=footer)


def _write(page: str, path: Path) -> None:
    path.write_text(page, "utf-8")


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("pipeline.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2")
