"""What a customer is worth: how often they buy, how much, and how long they renew."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
