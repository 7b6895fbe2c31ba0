from django.urls import path

from csm.jobs import views

urlpatterns = [
    path("jobs/", views.jobs, name="jobs"),
    path("jobs/<int:pk>/", views.job, name="job"),
    path("jobs/<int:pk>/cancel/", views.cancel, name="job_cancel"),
    path("jobs/<int:pk>/go-on/", views.go_on, name="job_go_on"),
    path("jobs/<int:pk>/undo/", views.undo, name="job_undo"),
    path("lists/<slug:name>/assign-all/", views.assign, name="job_assign"),
    path("alerts/all/", views.alerts, name="job_alerts"),
]
