from django.urls import path

from playbooks.views import alerts

urlpatterns = [
    path("alerts/", alerts.alerts, name="alerts"),
    path("alerts.csv", alerts.alerts_csv, name="alerts_csv"),
    path("alerts/bulk/", alerts.bulk, name="alerts_bulk"),
    path("alerts/undo/<uuid:batch>/", alerts.undo, name="alerts_undo"),
    path("alerts/<int:pk>/", alerts.alert, name="alert"),
    path("alerts/<int:pk>/act/", alerts.act, name="alert_act"),
]
