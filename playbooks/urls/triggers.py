from django.urls import path

from playbooks.views import triggers

urlpatterns = [
    path("triggers/", triggers.triggers, name="triggers"),
    path("triggers.csv", triggers.triggers_csv, name="triggers_csv"),
    path("triggers/new/", triggers.new, name="trigger_new"),
    path("triggers/<slug:key>/", triggers.trigger, name="trigger"),
    path("triggers/<slug:key>/edit/", triggers.edit, name="trigger_edit"),
    path("triggers/<slug:key>/switch/", triggers.switch, name="trigger_switch"),
    path("replays/start/", triggers.replay_start, name="replay_start"),
    path("replays/<int:pk>/", triggers.replay, name="replay"),
]
