"""One self-contained HTML file made of the outputs of an executed notebook, and the list of all reports."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from markupsafe import Markup

from engagekit.display.markup import TEMPLATES
from engagekit.language import Language

if TYPE_CHECKING:
    import nbformat

__all__ = ["Entry", "index_page", "page"]

MOST_BYTES = 2_000_000
UNWANTED = re.compile(r"<(applet|base|embed|form|frame|h1|iframe|link|meta|object|script)\b", re.IGNORECASE)


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


def page(notebook: "nbformat.NotebookNode", language: Language, *, title: str, subtitle: str, footer: str) -> str:
    """Page made of the HTML outputs of an executed notebook, in their order, without its code and markdown.

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
        A cell raised an error, an output holds a script, form, frame or second h1, or the page is over 2 MB.

    Examples
    --------
    >>> import nbformat
    >>> empty = nbformat.v4.new_notebook()
    >>> "<h1>Kopi Senja</h1>" in page(empty, Language("id"), title="Kopi Senja", subtitle="", footer="")
    True
    """
    lead, *sections = (Markup(part) for part in re.split(r'(?=<h2 id=")', _outputs(notebook)))  # noqa: S704
    headings = [re.match(r'<h2 id="(.*?)">(.*?)</h2>', section) for section in sections]
    contents = [tuple(map(Markup, heading.groups())) for heading in headings if heading]
    parts = {"lead": lead, "contents": contents, "sections": sections, "footer": footer}
    html = _render("page.html.j2", language, title, subtitle, **parts)
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


def _outputs(notebook: "nbformat.NotebookNode") -> str:
    outputs = [(i, output) for i, cell in enumerate(notebook.cells, 1) for output in cell.get("outputs", ())]
    for i, output in outputs:
        if output.output_type == "error":
            raise ValueError(f"cell {i} raised {output.ename}; a page is made of a notebook that ran through")
    html = "\n".join("".join(output.get("data", {}).get("text/html", "")) for _, output in outputs)
    if unwanted := UNWANTED.search(html):
        raise ValueError(f"an output holds {unwanted.group()}>; a page has one h1, no script and nothing to fetch")
    return html


def _render(template: str, language: Language, title: str, subtitle: str, **parts: Any) -> str:
    texts = {"language": language, "title": title, "subtitle": subtitle}
    return TEMPLATES.get_template(template).render(texts, **parts)
