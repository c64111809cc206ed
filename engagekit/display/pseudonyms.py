"""Pseudonyms that stand for customers on a page; only the holder of the key can trace them back."""

import hashlib
import hmac
import os
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["KEY", "hide_ids", "keyed", "pseudonyms", "stand_for", "without_ids"]

KEY = "ENGAGEKIT_PSEUDONYM_KEY"
LENGTH = 10
ID = "customer_id"
UNKNOWN = "–"
_shown: dict[str, Any] = {"hidden": False, "names": dict}  # of this process: a run has one of its own


def keyed() -> bool:
    """Whether the environment holds a key, with which a customer has the same pseudonym in all reports."""
    return bool(os.environ.get(KEY))


def pseudonyms(customers: Sequence[object]) -> list[str]:
    """Pseudonyms of customers, one each, in their order.

    Parameters
    ----------
    customers : sequence
        Their ids.

    Returns
    -------
    list of str
        With a key in the environment the first ten hex digits of the HMAC-SHA256 of each id, else its place in the
        list, from 1 on.

    Examples
    --------
    >>> pseudonyms(["0812-555", "0813-777"]) if not keyed() else ["1", "2"]
    ['1', '2']
    """
    key = os.environ.get(KEY, "").encode()
    if not key:
        return [str(place) for place in range(1, len(customers) + 1)]
    return [hmac.new(key, str(customer).encode(), hashlib.sha256).hexdigest()[:LENGTH] for customer in customers]


def hide_ids() -> None:
    """Show pseudonyms instead of ids from now on: what a run does before its notebook starts."""
    _shown["hidden"] = True


def stand_for(customers: Callable[[], Iterable[object]]) -> None:
    """Name the customers that pseudonyms stand for: all of a business's, asked for once, when an id is first hidden."""
    if not _shown["hidden"]:
        return

    @cache
    def names() -> dict[str, str]:
        everybody = sorted({str(customer) for customer in customers()})
        return dict(zip(everybody, pseudonyms(everybody), strict=True))

    _shown["names"] = names


def without_ids(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Frame whose ``customer_id``, a column or an index, is pseudonyms where ids are hidden.

    Examples
    --------
    >>> import pandas as pd
    >>> without_ids(pd.DataFrame({"customer_id": ["0812-555"]})).to_dict("list")  # an analyst's own Jupyter
    {'customer_id': ['0812-555']}
    """
    names = [name for name in frame.index.names if name == ID]
    if not _shown["hidden"] or (ID not in frame.columns and not names):
        return frame
    known = _shown["names"]()
    levels = [name or f"level_{place}" for place, name in enumerate(frame.index.names)]
    flat = frame.reset_index() if names else frame
    hidden = flat.assign(**{ID: [known.get(str(customer), UNKNOWN) for customer in flat[ID]]})
    return hidden.set_index(levels) if names else hidden
