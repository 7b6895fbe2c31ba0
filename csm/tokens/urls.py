"""Addresses below /account/tokens/."""

from django.urls import path

from csm.tokens import views

urlpatterns = [
    path("", views.tokens, name="tokens"),
    path("<slug:pk>/revoke/", views.revoke, name="token_revoke"),
]
