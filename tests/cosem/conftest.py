"""Property tests share the machine with others: a slow example is no failure, the suite's timeout is."""

from hypothesis import settings

settings.register_profile("shared-machine", deadline=None)
settings.load_profile("shared-machine")
