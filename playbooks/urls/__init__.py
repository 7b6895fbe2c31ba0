"""Addresses of triggers, alerts, playbooks and plans; `csm.urls` mounts them at the root."""

from django.urls import include, path

urlpatterns = [
    path("", include("playbooks.urls.alerts")),
    path("", include("playbooks.urls.triggers")),
    path("", include("playbooks.urls.playbooks")),
    path("", include("playbooks.urls.plans")),
    path("", include("playbooks.urls.tasks")),
    path("", include("playbooks.urls.notes")),
    path("", include("playbooks.urls.clocks")),
    path("", include("playbooks.urls.notices")),
    path("", include("playbooks.urls.team")),
    path("", include("playbooks.urls.effect")),
]
