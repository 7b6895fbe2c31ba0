"""Addresses below /audit/."""

from django.urls import path

from csm.audit import views

urlpatterns = [
    path("", views.trail, name="audit"),
    path("events.csv", views.trail_csv, name="audit_csv"),
]
