"""Pseudonyms that stand for customers on a page; only the holder of the key can trace them back."""

import hashlib
import hmac
import os
from collections.abc import Sequence

__all__ = ["KEY", "keyed", "pseudonyms"]

KEY = "ENGAGEKIT_PSEUDONYM_KEY"
LENGTH = 10


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
