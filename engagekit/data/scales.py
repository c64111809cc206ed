"""The scales that surveys are answered on."""

__all__ = ["SCALES"]

SCALES = {"nps": (0, 10), "csat": (1, 5), "effort": (1, 7), "review": (1, 5)}
