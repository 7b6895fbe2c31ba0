from django.urls import path

from playbooks.views import team

urlpatterns = [
    path("team/", team.team, name="team"),
    path("team.csv", team.team_csv, name="team_csv"),
    path("team/assign/", team.assign, name="assign"),
    path("team/assignments/<int:pk>/undo/", team.undo, name="assignment_undo"),
    path("team/absences/", team.absences, name="absences"),
    path("handover/<int:pk>/", team.handover, name="handover"),
]
