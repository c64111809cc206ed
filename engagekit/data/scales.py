"""The scales that surveys are answered on."""

__all__ = ["SATISFIED_FROM", "SCALES"]

SCALES = {"nps": (0, 10), "csat": (1, 5), "effort": (1, 7), "review": (1, 5)}
SATISFIED_FROM = 4  # of 1 to 5: the two boxes on top
