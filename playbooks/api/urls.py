"""Addresses of the work; `csm.api` mounts them below /api/v1/."""

from django.urls import path

from playbooks.api.resources import INTERVENTIONS, WORK
from playbooks.api.views import InterventionList, WorkAct, WorkDetail, WorkList

urlpatterns = []
for work in WORK:
    listed = InterventionList if work is INTERVENTIONS else WorkList
    urlpatterns += [
        path(f"{work.key}/", listed.as_view(work=work), name=f"api_{work.key}"),
        path(f"{work.key}/<int:pk>/", WorkDetail.as_view(work=work), name=f"api_{work.key}_one"),
    ]
    urlpatterns += [
        path(
            f"{work.key}/<int:pk>/{act}/",
            WorkAct.as_view(work=work, act=act),
            name=f"api_{work.key}_{act}",
        )
        for act in work.acts
    ]
