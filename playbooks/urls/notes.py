from django.urls import path

from playbooks.views import notes

urlpatterns = [
    path("notes/add/", notes.add, name="note_add"),
    path("notes/<int:pk>/edit/", notes.edit, name="note_edit"),
    path("notes/<int:pk>/act/", notes.act, name="note_act"),
    path("notes/files/<int:pk>/", notes.file, name="note_file"),
]
