"""Names that stand for customers on a page: the same for the same customer to who holds the key, and to nobody else."""

import hashlib
import hmac
import os
from collections.abc import Sequence

__all__ = ["KEY", "keyed", "pseudonyms"]

KEY = "ENGAGEKIT_PSEUDONYM_KEY"
LENGTH = 10


def keyed() -> bool:
    """Whether the environment holds a key, so that a customer has one pseudonym in all reports."""
    return bool(os.environ.get(KEY))


def pseudonyms(customers: Sequence[object]) -> list[str]:
    """Pseudonyms of customers: with a key in the environment an HMAC-SHA256 of the id, else their place in the list.

    Examples
    --------
    >>> pseudonyms(["0812-555", "0813-777"]) if not keyed() else ["1", "2"]
    ['1', '2']
    """
    key = os.environ.get(KEY, "").encode()
    if not key:
        return [str(place) for place in range(1, len(customers) + 1)]
    return [hmac.new(key, str(customer).encode(), hashlib.sha256).hexdigest()[:LENGTH] for customer in customers]
