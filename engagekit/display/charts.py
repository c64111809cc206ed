"""The figures of the kit: each answers one question and is drawn on an Axes, which it returns."""

from engagekit.display.comparison import MOST_BARS, plot_bars, plot_calibration
from engagekit.display.heatmap import plot_cohorts, plot_heatmap
from engagekit.display.lifecycle import plot_lifecycle
from engagekit.display.response import plot_response
from engagekit.display.segments import SEGMENTS, plot_score, plot_survival
from engagekit.display.trend import plot_trend

__all__ = ["MOST_BARS", "SEGMENTS", "plot_bars", "plot_calibration", "plot_cohorts", "plot_heatmap", "plot_score"]
__all__ += ["plot_lifecycle", "plot_response", "plot_survival", "plot_trend"]
