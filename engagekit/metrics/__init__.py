"""One number over many rows, with its interval: 115 metrics, and what measures, compares and explains them.

Every metric is an attribute of this package, such as ``engagekit.metrics.open_rate``, loaded when it is first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
