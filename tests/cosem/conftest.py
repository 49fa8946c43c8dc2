"""Settings of the property tests: a slow example on a shared machine is no failure, the suite's time-out is."""

from hypothesis import settings

settings.register_profile("shared-machine", deadline=None)
settings.load_profile("shared-machine")
