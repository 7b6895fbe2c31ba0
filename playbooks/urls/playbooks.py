from django.urls import path

from playbooks.views import playbooks

urlpatterns = [
    path("playbooks/", playbooks.playbooks, name="playbooks"),
    path("playbooks/new/", playbooks.new, name="playbook_new"),
    path("playbooks/roles/", playbooks.roles, name="playbook_roles"),
    path("playbooks/<slug:key>/", playbooks.playbook, name="playbook"),
    path("playbooks/<slug:key>/edit/", playbooks.edit, name="playbook_edit"),
    path("playbooks/<slug:key>/publish/", playbooks.publish, name="playbook_publish"),
    path("playbooks/<slug:key>/switch/", playbooks.switch, name="playbook_switch"),
    path("playbooks/<slug:key>/audience/", playbooks.audience, name="playbook_audience"),
    path("playbooks/<slug:key>/try/", playbooks.dry_run, name="playbook_try"),
]
