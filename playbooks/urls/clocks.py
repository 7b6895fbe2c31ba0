from django.urls import path

from playbooks.views import clock_rules, clocks

urlpatterns = [
    path("clocks/", clocks.clocks, name="clocks"),
    path("clocks.csv", clocks.clocks_csv, name="clocks_csv"),
    path("clocks/rules/", clock_rules.rules, name="clock_rules"),
    path("clocks/calendars/new/", clock_rules.calendar, name="clock_calendar_new"),
    path("clocks/calendars/<int:pk>/", clock_rules.calendar, name="clock_calendar"),
    path("clocks/holidays/", clock_rules.holiday, name="clock_holiday"),
    path("clocks/<int:pk>/act/", clocks.act, name="clock_act"),
]
