"""One thread for numerical libraries, so that results do not depend on how many there are."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from threadpoolctl import ThreadpoolController

__all__ = ["one_thread"]


@contextmanager
def one_thread() -> Iterator[None]:
    """Let OpenMP and BLAS use one thread within a ``with`` block.

    A sum that several threads share out depends in its last bits on how many they are. On a busy machine they also
    spend more time on waiting than they save.

    Examples
    --------
    >>> with one_thread():
    ...     pass
    """
    with _controller().limit(limits=1):
        yield


@cache
def _controller() -> Any:
    import sklearn.ensemble  # noqa: F401 - the controller knows the libraries that are loaded when it is made

    return ThreadpoolController()
