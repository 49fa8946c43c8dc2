"""The WSGI application. `urja.site.django.options.setup` must have been called before the import."""

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()

# Imported before the workers are forked, so that they share the counts of requests per API key.
import urja.web.api.views  # noqa: E402, F401 - before the first request, once Django is set up
