"""The WSGI application; whoever starts it has called `urja.site.django_options.setup`."""

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
