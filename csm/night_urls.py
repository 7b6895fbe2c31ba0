"""Addresses of nights and of the schedule."""

from django.urls import path

from csm import night_views, schedule_views

urlpatterns = [
    path("nights/", night_views.night_list, name="nights"),
    path("nights.csv", night_views.night_csv, name="nights_csv"),
    path("nights/start/", night_views.start, name="night_start"),
    path("nights/backfill/", night_views.backfill, name="night_backfill"),
    path("nights/<int:pk>/", night_views.night_page, name="night"),
    path("nights/<int:pk>/cancel/", night_views.cancel, name="night_cancel"),
    path("nights/<int:pk>/retry/", night_views.retry, name="night_retry"),
    path(
        "nights/<int:pk>/shards/<int:number>/retry/",
        night_views.retry_shard,
        name="night_shard_retry",
    ),
    path("schedule/", schedule_views.schedule_page, name="schedule"),
    path("schedule/<slug:key>/", schedule_views.schedule_edit, name="schedule_edit"),
]
