"""Effects of tests drawn around 0, wide and on a phone."""

import pandas as pd
import pytest
from matplotlib.figure import Figure

from engagekit.display.forest import plot_effects
from engagekit.language import Language

ROWS = pd.DataFrame(
    {
        "label": ["Conversion", "$x$ <b>"],
        "value": [0.5, -0.1],
        "low": [0.2, -0.3],
        "high": [0.8, 0.1],
        "always_low": [0.1, -0.5],
        "always_high": [0.9, 0.3],
    }
)


@pytest.mark.parametrize("inches", [(9, 4), (3, 3)])
def test_each_row_has_a_point_two_intervals_and_its_name(inches):
    ax = plot_effects(ROWS, Figure(figsize=inches, dpi=72).add_subplot(), Language("id"))
    assert [text.get_text() for text in ax.texts] == ["+50%", "Conversion", "−10%", "$x$ <b>"]
    always, fixed = ax.collections[:2]
    assert [path.vertices[:, 0].tolist() for path in always.get_paths()] == [[0.1, 0.9], [-0.5, 0.3]]
    assert [path.vertices[:, 0].tolist() for path in fixed.get_paths()] == [[0.2, 0.8], [-0.3, 0.1]]
    low, high = ax.get_xlim()
    assert low < -0.5
    assert high >= 0.9


def test_rows_without_a_value_are_left_out_and_nothing_at_all_is_an_error():
    gap = ROWS.assign(value=[0.5, None])
    assert len(plot_effects(gap, Figure().add_subplot()).texts) == 2
    with pytest.raises(ValueError, match="nothing to draw"):
        plot_effects(ROWS.assign(value=float("nan")), Figure().add_subplot())
