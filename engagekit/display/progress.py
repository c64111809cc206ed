"""Progress of a step that takes long: a bar after two seconds, where somebody watches."""

import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from typing import Protocol, TypeVar

__all__ = ["is_watched", "progress"]

AFTER_S = 2.0
T = TypeVar("T")


class Timer(Protocol):
    """What ``threading.Timer`` does."""

    def start(self) -> None:
        """Call the function after the interval, in another thread."""

    def cancel(self) -> None:
        """Do not call it any more."""

    def join(self) -> None:
        """Wait until it was called or cancelled."""


def progress(
    items: Sequence[T],
    what: str,
    *,
    named: Callable[[T], str] = str,
    timer: Callable[[float, Callable[[], None]], Timer] = threading.Timer,
) -> Iterator[T]:
    """Give the items one after the other; after two seconds a bar says which is being worked on.

    There is no bar where nobody watches, as ``is_watched`` says, and none is left when the last item is done.

    Parameters
    ----------
    items : sequence
        What is worked on.
    what : str
        What is done, such as ``"Reading"``.
    named : callable, default str
        Gives the name of an item.
    timer : callable, default threading.Timer
        Makes what calls a function after some seconds.

    Examples
    --------
    >>> [number * 2 for number in progress([1, 2], "Doubling")]
    [2, 4]
    """
    if not is_watched():
        yield from items
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    console = Console(stderr=True)
    above = not console.is_jupyter  # what is printed meanwhile; in Jupyter it has an output of its own
    bar = Progress(*columns, console=console, transient=True, redirect_stdout=above, redirect_stderr=above)
    task = bar.add_task(what, total=len(items))
    waiting = timer(AFTER_S, bar.start)
    waiting.start()
    try:
        for item in items:
            bar.update(task, description=escape(f"{what} {named(item)}"))
            yield item
            bar.advance(task)
    finally:
        waiting.cancel()
        waiting.join()
        if bar.live.is_started:
            bar.stop()


def is_watched() -> bool:
    """Whether somebody sits before the terminal or the notebook that this runs in.

    A notebook that papermill or nbconvert executes has a kernel that cannot be asked anything; nbval's says that it
    can, but runs under pytest. In Jupyter a bar needs ipywidgets, which are in the extra ``lab``.
    """
    ipython = sys.modules.get("IPython")
    kernel = getattr(ipython.get_ipython(), "kernel", None) if ipython else None
    if kernel is not None:
        is_asked = bool(getattr(kernel, "_allow_stdin", False)) and "PYTEST_VERSION" not in os.environ
        return is_asked and find_spec("ipywidgets") is not None
    return sys.stderr is not None and sys.stderr.isatty()
