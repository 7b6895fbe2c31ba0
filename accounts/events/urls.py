"""Addresses of event ingest, and of the pages that show it."""

from django.urls import path

from accounts.events import endpoints, views
from accounts.events.messages import KINDS

urlpatterns = [
    path("v1/batch", endpoints.ingest, name="events_batch"),
    path("v1/import", endpoints.ingest, name="events_import"),
    *(
        path(f"v1/{kind}", endpoints.ingest, {"kind": kind}, name=f"events_{kind}")
        for kind in KINDS
    ),
    path("events/", views.event_list, name="events"),
    path("events/keys/", views.key_list, name="event_keys"),
    path("events/keys/new/", views.key_new, name="event_key_new"),
    path("events/keys/<int:pk>/revoke/", views.key_revoke, name="event_key_revoke"),
    path("events/rules/new/", views.rule_new, name="event_rule_new"),
    path("events/rules/save/", views.rule_save, name="event_rule_save"),
    path("events/rules/<int:pk>/", views.rule_edit, name="event_rule"),
    path("events/rules/<int:pk>/save/", views.rule_save, name="event_rule_change"),
    path("events/rules/<int:pk>/deactivate/", views.rule_deactivate, name="event_rule_deactivate"),
]
