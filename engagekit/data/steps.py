"""What makes a funnel: steps in their order, and the time from the first to the last."""

from collections.abc import Sequence

from engagekit.frames.times import span_us

__all__ = ["funnel_steps"]


def funnel_steps(steps: Sequence[str], within: str) -> tuple[list[str], int]:
    """Steps of a funnel, and the microseconds that customers have for them.

    Raises
    ------
    ValueError
        There are fewer than two steps, one is there twice, or ``within`` is no length of time.

    Examples
    --------
    >>> funnel_steps(["view", "purchase"], "1d")
    (['view', 'purchase'], 86400000000)
    """
    steps = [steps] if isinstance(steps, str) else list(steps)
    if len(steps) < 2 or len(set(steps)) < len(steps):
        raise ValueError(f"steps: {steps} are not two or more actions, each of them once")
    return steps, span_us("within", within, "mhd")
