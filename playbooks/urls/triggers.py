from django.urls import path

from playbooks.views import triggers, triggers_editor, triggers_load, triggers_replays

urlpatterns = [
    path("triggers/", triggers.triggers, name="triggers"),
    path("triggers.csv", triggers.triggers_csv, name="triggers_csv"),
    path("triggers/new/", triggers_editor.new, name="trigger_new"),
    path("triggers/load/", triggers_load.load, name="trigger_load"),
    path("triggers/<slug:key>/", triggers.trigger, name="trigger"),
    path("triggers/<slug:key>/edit/", triggers_editor.edit, name="trigger_edit"),
    path("triggers/<slug:key>/copy/", triggers_editor.copy, name="trigger_copy"),
    path("triggers/<slug:key>/switch/", triggers_editor.switch, name="trigger_switch"),
    path("replays/start/", triggers_replays.start, name="replay_start"),
    path("replays/<int:pk>/", triggers_replays.replay, name="replay"),
    path("replays/<int:pk>/resume/", triggers_replays.resume, name="replay_resume"),
]
