"""Addresses of the facts; `csm.api` mounts them below /api/v1/."""

from django.urls import path

from accounts.api.resources import RESOURCES
from accounts.api.views import FactDetail, FactList

urlpatterns = [
    pattern
    for resource in RESOURCES
    for pattern in (
        path(f"{resource.key}/", FactList.as_view(resource=resource), name=f"api_{resource.key}"),
        path(
            f"{resource.key}/<int:pk>/",
            FactDetail.as_view(resource=resource),
            name=f"api_{resource.key}_one",
        ),
    )
]
