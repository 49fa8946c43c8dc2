"""The WSGI application; whoever starts it has called `urja.site.django.options.setup`."""

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()

# Before the workers are forked, and not with the first request: how often a key has asked is known to all of them.
import urja.web.api.views  # noqa: E402, F401 - before the first request, once Django is set up
