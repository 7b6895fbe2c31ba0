from django.urls import path

from playbooks.views import alert_acts, alert_page, alerts

urlpatterns = [
    path("alerts/", alerts.alerts, name="alerts"),
    path("alerts.csv", alerts.alerts_csv, name="alerts_csv"),
    path("alerts/bulk/", alert_acts.bulk, name="alerts_bulk"),
    path("alerts/undo/<uuid:batch>/", alert_acts.undo, name="alerts_undo"),
    path("alerts/<int:pk>/", alert_page.alert, name="alert"),
    path("alerts/<int:pk>/choices/", alert_page.choices, name="alert_choices"),
    path("alerts/<int:pk>/act/", alert_acts.act, name="alert_act"),
]
