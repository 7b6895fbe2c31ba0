"""Addresses of the door. allauth asks for some by its own names; pages it has and we do not are not here."""

from allauth.mfa.recovery_codes import views as codes
from allauth.socialaccount import views as social
from django.contrib.auth.views import PasswordChangeDoneView
from django.urls import path
from django.views.generic import RedirectView

from csm.sign_in import people, views

urlpatterns = [
    path("login/", views.LogIn.as_view(), name="login"),
    path("login/", views.LogIn.as_view(), name="account_login"),
    path("login/admins/", views.BreakGlass.as_view(), name="login_admins"),
    path("login/code/", views.confirm_code, name="mfa_authenticate"),
    path("login/sso/", views.sso, name="sso"),
    # The address to register with the provider; allauth asks for it by this name.
    path(
        "login/sso/callback/",
        views.sso_callback,
        {"provider_id": "sso"},
        name="openid_connect_callback",
    ),
    path("login/cancelled/", social.login_cancelled, name="socialaccount_login_cancelled"),
    path("logout/", views.log_out, name="logout"),
    path("password/", views.ChangePassword.as_view(), name="password_change"),
    path("password/done/", PasswordChangeDoneView.as_view(), name="password_change_done"),
    path("account/security/", views.security, name="security"),
    path("account/security/sessions/<int:pk>/end/", views.end_session, name="session_end"),
    path("account/security/sessions/end/", views.end_others, name="sessions_end"),
    path("account/security/identity/", views.detach, name="identity_detach"),
    path("account/security/password/", views.password_again, name="account_reauthenticate"),
    path("account/security/code/", views.confirm_again, name="mfa_reauthenticate"),
    path(
        "account/security/factor/",
        RedirectView.as_view(pattern_name="security"),
        name="mfa_index",
    ),
    path("account/security/factor/new/", views.SetUp.as_view(), name="mfa_activate_totp"),
    path("account/security/factor/remove/", views.TakeAway.as_view(), name="mfa_deactivate_totp"),
    path("account/security/recovery/", codes.view_recovery_codes, name="mfa_view_recovery_codes"),
    path(
        "account/security/recovery/new/",
        codes.generate_recovery_codes,
        name="mfa_generate_recovery_codes",
    ),
    path("people/", people.people, name="people"),
    path("people/addresses/lift/", people.lift_address, name="address_lift"),
    path("people/<int:pk>/", people.person, name="person"),
    path("people/<int:pk>/end/", people.end_sessions, name="person_end"),
    path("people/<int:pk>/factor/", people.reset_factor, name="person_factor"),
    path("people/<int:pk>/identity/", people.detach, name="person_identity"),
    path("people/<int:pk>/lift/", people.lift, name="person_lift"),
    path("people/<int:pk>/tokens/<slug:token>/", people.revoke, name="person_token"),
]
