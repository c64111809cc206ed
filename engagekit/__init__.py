"""Measure customer engagement from a business's own exports.

Metrics with intervals, an engagement score, churn, and a report in Indonesian, Malay or English. Names are loaded when
they are first used, so that the import stays quick.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
