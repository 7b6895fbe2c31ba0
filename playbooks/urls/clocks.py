from django.urls import path

from playbooks.views import clocks

urlpatterns = [
    path("clocks/", clocks.clocks, name="clocks"),
    path("clocks.csv", clocks.clocks_csv, name="clocks_csv"),
    path("clocks/rules/", clocks.rules, name="clock_rules"),
    path("clocks/<int:pk>/act/", clocks.act, name="clock_act"),
]
