from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "urja.web.portal"
    label = "portal"
