"""One self-contained HTML file made of the outputs of an executed notebook, and the list of all reports."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from markupsafe import Markup

from engagekit.display import markup
from engagekit.display.markup import TEMPLATES
from engagekit.display.section import MIME, content_of, html_of, part
from engagekit.language import Language

if TYPE_CHECKING:
    import nbformat

__all__ = ["Entry", "index_page", "page"]

MOST_BYTES = 2_000_000
UNWANTED = re.compile(r"<(applet|base|embed|form|frame|h1|iframe|link|meta|object|script)\b", re.IGNORECASE)
MOST_IMAGE = 1_000_000  # of its base64
IMAGES = ("image/png", "image/jpeg")


@dataclass(frozen=True)
class Entry:
    """One business in the list of reports.

    Parameters
    ----------
    name, href, language : str
        The business; the path of its report, relative to the list and not yet quoted; its language.
    status : {"ok", "failed"}
        How this run ended.
    as_of, error : str
        The period that it describes, in words; why it failed, in one line.
    headline : sequence of (label, value)
        At most three numbers, formatted.
    previous : bool
        The run failed, but ``href`` leads to an earlier report.
    about : str
        The question that the report answers.
    alerts : sequence of str
        Sentences of the alerts that were crossed.
    """

    name: str
    href: str
    status: Literal["ok", "failed"]
    language: str
    as_of: str = ""
    headline: Sequence[tuple[str, str]] = ()
    error: str = ""
    previous: bool = False
    about: str = ""
    alerts: Sequence[str] = ()


def page(notebook: "nbformat.NotebookNode", language: Language, *, title: str, subtitle: str, footer: str) -> str:
    """Page made of an executed notebook: its markdown, sections, frames and figures, in their order, without its code.

    Sections of the layer ``summary`` are open, the others folded. A cell that is tagged ``notes`` stays behind, and so
    does every other output: text, HTML of others, widgets.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        As papermill wrote it.
    language : Language
        Of the page.
    title, subtitle, footer : str
        The one h1, the line below it, and the last lines (split at line ends).

    Returns
    -------
    str
        HTML.

    Raises
    ------
    ValueError
        A cell raised an error, a figure has no words for who does not see it, a drawing holds a script, or a picture or
        the page is too large.

    Examples
    --------
    >>> import nbformat
    >>> empty = nbformat.v4.new_notebook()
    >>> "<h1>Kopi Senja</h1>" in page(empty, Language("id"), title="Kopi Senja", subtitle="", footer="")
    True
    """
    blocks = [block for number, cell in enumerate(notebook.cells, 1) for block in _blocks(cell, number, language)]
    for place, block in enumerate(blocks):
        block.anchor = f"{_slug(block.question)}-{place}" if block.question else ""
    html = _render("page.html.j2", language, title, subtitle, blocks=blocks, footer=footer)
    if len(html.encode()) > MOST_BYTES:
        raise ValueError(f"the page has {len(html.encode()):,} bytes, at most {MOST_BYTES:,}: show less")
    return html


def index_page(entries: Sequence[Entry], language: Language) -> str:
    """Page that lists the reports, and failed runs with their reason.

    Parameters
    ----------
    entries : sequence of Entry
        In the order of the list.
    language : Language
        Of the list.

    Returns
    -------
    str
        HTML.

    Examples
    --------
    >>> senja = Entry("Kopi Senja", "kopi-senja/report.html", "ok", "id", headline=[("NPS", "42")])
    >>> 'href="kopi-senja/report.html"' in index_page([senja], Language("en"))
    True
    """
    failed = sum(entry.status == "failed" for entry in entries)
    counts = [language.text("page.count", n=language.number(len(entries)))]
    counts += [language.text("page.failed_count", n=language.number(failed))] if failed else []
    title = language.text("page.index_title")
    return _render("index.html.j2", language, title, ", ".join(counts), entries=entries)


@dataclass
class _Block:
    """A part of the page: its layer, its question and first sentence, and the rest as HTML."""

    layer: str
    html: Markup
    question: str = ""
    answer: str = ""
    anchor: str = ""


def _blocks(cell: Any, number: int, language: Language) -> Iterator[_Block]:
    """What a cell gives to the page."""
    if "notes" in cell.metadata.get("tags", ()):
        return
    if cell.cell_type == "markdown":
        yield _Block("part", Markup(_markdown(cell.source)))  # noqa: S704 - HTML in it is off
    for output in cell.get("outputs", ()):
        if output.output_type == "error":
            raise ValueError(f"cell {number} raised {output.ename}; a page is made of a notebook that ran through")
        data = output.get("data", {})
        image = next((kind for kind in IMAGES if kind in data), "")
        if MIME in data or image:
            payload = data.get(MIME) or part()
            if image:
                payload = _with_image(payload, image, data[image], cell.metadata.get("alt", ""), number)
            block = _block(payload, language)
            if unwanted := UNWANTED.search(block.html):  # only a drawing can hold one: all else is escaped
                raise ValueError(f"cell {number}: a drawing holds {unwanted.group()}>, which no page may have")
            yield block


def _with_image(payload: dict[str, Any], kind: str, data: str, alt: str, number: int) -> dict[str, Any]:
    encoded = "".join(data.split())
    if len(encoded) > MOST_IMAGE:
        size = f"{len(encoded):,} bytes, at most {MOST_IMAGE:,}"
        raise ValueError(f"cell {number}: a picture has {size}: draw it smaller")
    alt = alt or payload["alt"]
    if not alt:
        way_out = 'give it a title, or the cell the metadata {"alt": "..."}'
        raise ValueError(f"cell {number}: a figure has no words for who does not see it: {way_out}")
    return payload | {"image": f"data:{kind};base64,{encoded}", "alt": alt}


def _block(payload: dict[str, Any], language: Language) -> _Block:
    if payload["layer"] == "detail":
        first, *others = payload["answer"] or [""]
        html = "".join(map(markup.finding, others)) + content_of(payload, language)
        return _Block("detail", Markup(html), payload["question"], first)  # noqa: S704 - made by markup, escaped
    html = html_of(payload, language)
    return _Block(payload["layer"], Markup(html))  # noqa: S704 - made by markup, escaped


def _markdown(text: str) -> str:
    """HTML of markdown: HTML in it is text, a first heading is one of a section, and no picture is fetched."""
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    tokens = reader.parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + 1, 4)}" if token.tag == "h1" else token.tag
    return str(reader.renderer.render(tokens, reader.options, {}))


def _slug(text: str) -> str:
    return re.sub(r"\W+", "-", markup.plain_text(text).casefold()).strip("-")


def _render(template: str, language: Language, title: str, subtitle: str, **parts: Any) -> str:
    texts = {"language": language, "title": title, "subtitle": subtitle}
    return TEMPLATES.get_template(template).render(texts, **parts)
