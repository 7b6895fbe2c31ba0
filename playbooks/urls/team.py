from django.urls import path

from playbooks.views import handover, team, team_absences, team_assign

urlpatterns = [
    path("team/", team.team, name="team"),
    path("team.csv", team.team_csv, name="team_csv"),
    path("team/assign/", team_assign.assign, name="assign"),
    path("team/assignments/<int:pk>/undo/", team_assign.undo, name="assignment_undo"),
    path("team/absences/", team_absences.absences, name="absences"),
    path("handovers/", handover.handovers, name="handovers"),
    path("handover/<int:pk>/", handover.handover, name="handover"),
]
