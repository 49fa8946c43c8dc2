"""Every address of the web process."""

from allauth.account import views as sign_in
from allauth.mfa.base import views as factors
from allauth.mfa.recovery_codes import views as codes
from allauth.mfa.totp import views as apps
from allauth.mfa.webauthn import views as security_keys
from django.urls import include, path
from django.views.i18n import set_language

from urja.web.hooks.notices import notices_hook
from urja.web.hooks.payments import payments_hook
from urja.web.shared import health_views as operations, mobile_sign_in, sign_in_views

urlpatterns = [
    # First, because they are requested most: Django tries the patterns in order.
    path("", include("urja.web.portal.urls")),
    path("healthz", operations.healthz, name="healthz"),
    path("readyz", operations.readyz, name="readyz"),
    path("metrics", operations.prometheus, name="metrics"),
    path("language/", set_language, name="set_language"),
    # Only those of allauth's pages that sign-in by code needs: no passwords, no sign-up.
    path("sign-in/", sign_in_views.request_login_code, name="account_request_login_code"),
    path("sign-in/", sign_in_views.request_login_code, name="account_login"),
    path("sign-in/", sign_in_views.request_login_code, name="account_signup"),
    path("sign-in/code/", sign_in_views.confirm_login_code, name="account_confirm_login_code"),
    path("sign-in/code/sending/", sign_in_views.sending, name="account_code_sending"),
    path("sign-in/mobile/", mobile_sign_in.ask, name="mobile-sign-in"),
    path("sign-in/mobile/code/", mobile_sign_in.enter, name="mobile-code"),
    path("sign-in/mobile/person/", mobile_sign_in.choose, name="mobile-user"),
    path("sign-in/closed/", sign_in.account_inactive, name="account_inactive"),
    path("sign-in/second/", factors.index, name="mfa_index"),
    path("sign-in/second/keys/", factors.index, name="mfa_list_webauthn"),
    path("sign-in/second/give/", factors.authenticate, name="mfa_authenticate"),
    path("sign-in/second/again/", factors.reauthenticate, name="mfa_reauthenticate"),
    path("sign-in/second/again/", factors.reauthenticate, name="account_reauthenticate"),
    path("sign-in/second/app/", sign_in_views.not_by_mobile(apps.activate_totp), name="mfa_activate_totp"),
    path("sign-in/second/app/remove/", apps.deactivate_totp, name="mfa_deactivate_totp"),
    path("sign-in/second/codes/", codes.view_recovery_codes, name="mfa_view_recovery_codes"),
    path("sign-in/second/codes/new/", codes.generate_recovery_codes, name="mfa_generate_recovery_codes"),
    path(
        "sign-in/second/keys/add/",
        sign_in_views.not_by_mobile(security_keys.add_webauthn),
        name="mfa_add_webauthn",
    ),
    path(
        "sign-in/second/keys/again/",
        security_keys.reauthenticate_webauthn,
        name="mfa_reauthenticate_webauthn",
    ),
    path("sign-in/second/keys/<int:pk>/remove/", security_keys.remove_webauthn, name="mfa_remove_webauthn"),
    path("sign-out/", sign_in.logout, name="account_logout"),
    path("hooks/payments/<slug:gateway>/", payments_hook, name="payments-hook"),
    path("hooks/notices/<slug:channel>/", notices_hook, name="notices-hook"),
    path("api/v1/", include("urja.web.api.urls")),
    path("console/", include("urja.web.console.urls")),
    path("town/", include("urja.web.town.urls")),
]

handler400 = "urja.web.api.views.bad_request"
handler403 = "urja.web.shared.errors.forbidden"
handler404 = "urja.web.api.views.not_found"
handler500 = "urja.web.api.views.server_error"
