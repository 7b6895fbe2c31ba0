from django.urls import path

from playbooks.views import playbooks, playbooks_edit, playbooks_run

urlpatterns = [
    path("playbooks/", playbooks.playbooks, name="playbooks"),
    path("playbooks.csv", playbooks.playbooks_csv, name="playbooks_csv"),
    path("playbooks/new/", playbooks_edit.new, name="playbook_new"),
    path("playbooks/roles/", playbooks_run.roles, name="playbook_roles"),
    path("playbooks/<slug:key>/", playbooks.playbook, name="playbook"),
    path("playbooks/<slug:key>/draft/", playbooks_edit.draft, name="playbook_draft"),
    path("playbooks/<slug:key>/edit/", playbooks_edit.edit, name="playbook_edit"),
    path("playbooks/<slug:key>/publish/", playbooks_edit.publish, name="playbook_publish"),
    path("playbooks/<slug:key>/discard/", playbooks_edit.discard, name="playbook_discard"),
    path("playbooks/<slug:key>/switch/", playbooks_edit.switch, name="playbook_switch"),
    path("playbooks/<slug:key>/move/", playbooks_run.move, name="playbook_move"),
    path("playbooks/<slug:key>/audience/", playbooks_run.audience, name="playbook_audience"),
    path(
        "playbooks/<slug:key>/audience.csv",
        playbooks_run.audience_csv,
        name="playbook_audience_csv",
    ),
    path("playbooks/<slug:key>/try/", playbooks_run.dry_run, name="playbook_try"),
]
