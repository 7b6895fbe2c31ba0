"""Addresses of the imports; starting one lives above, in `csm.import_views`."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
