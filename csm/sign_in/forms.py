"""Forms of the door: name and password, code, new password."""

from typing import Any

from allauth.account.forms import LoginForm
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.totp.internal.auth import validate_totp_code
from django import forms
from django.conf import settings
from django.contrib.auth.forms import PasswordChangeForm
from django.core.exceptions import ValidationError
from django.utils import timezone

from csm.models import User
from csm.sign_in import tries
from csm.sign_in.adapters import AccountAdapter, SecondFactorAdapter, count_code, record_failure


class LogInForm(LoginForm):
    """Name and password."""

    admins_only = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields.pop("login")
        name = forms.CharField(
            max_length=150,
            widget=forms.TextInput(attrs={"autocomplete": "username", "autofocus": True}),
        )
        password = self.fields.pop("password")
        password.widget.attrs.pop("placeholder", None)
        password.help_text = ""
        self.fields |= {"username": name, "password": password}

    def user_credentials(self) -> dict[str, str]:
        return {
            "username": self.cleaned_data["username"].strip(),
            "password": self.cleaned_data["password"],
        }

    def _clean_with_password(self, credentials: dict[str, str]) -> Any:
        # The base names its field "login" where it looks up what to say.
        self.cleaned_data["login"] = credentials["username"]
        cleaned = super()._clean_with_password(credentials)
        user: Any = self.user
        if self.admins_only and not user.is_admin:
            record_failure(user.username, user, "single sign-on only")
            raise AccountAdapter().validation_error("username_password_mismatch")
        return cleaned


class BreakGlassForm(LogInForm):
    """Name and password of an admin, when single sign-on is the only door and it is shut."""

    admins_only = True


class CodeForm(AuthenticateForm):
    """The second step of a log-in."""

    def clean_code(self) -> str:
        self.authenticator = count_code(self.user, self.cleaned_data["code"])
        self.authenticator.user = self.user
        return str(self.cleaned_data["code"])


class CodeAgainForm(ReauthenticateForm):
    """The second factor asked for before a change of one's own safety."""

    def clean_code(self) -> str:
        self.authenticator = count_code(self.user, self.cleaned_data["code"])
        self.authenticator.user = self.user
        return str(self.cleaned_data["code"])


class SetUpForm(ActivateTOTPForm):
    """The first code of a new second factor."""

    def clean_code(self) -> str:
        code = str(self.cleaned_data["code"])
        if not validate_totp_code(self.secret, code):
            raise SecondFactorAdapter().validation_error("incorrect_code")
        return code


class NewPasswordForm(PasswordChangeForm):
    """One's own new password; wrong tries at the old one count like failed log-ins."""

    def clean_old_password(self) -> str:
        user: User = self.user
        at, keys = timezone.now(), {tries.of_name(user.username): settings.LOGIN_TRIES}
        if not tries.take(keys, at=at):
            raise AccountAdapter().validation_error("too_many_login_attempts")
        try:
            old = str(super().clean_old_password())
        except ValidationError:
            tries.lock(keys, at=at)
            raise
        tries.give_back(keys)
        return old
