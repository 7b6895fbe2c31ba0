"""Addresses of scorecards and of the catalogue of metrics."""

from django.urls import path

from scoring.views import metrics, scorecard_actions, scorecards

urlpatterns = [
    path("scorecards/", scorecards.scorecard_list, name="scorecards"),
    path("scorecards/presets/load/", scorecard_actions.load_presets, name="presets_load"),
    path("scorecards/<slug:key>/", scorecards.scorecard_page, name="scorecard"),
    path("scorecards/<slug:key>.yaml", scorecards.scorecard_yaml, name="scorecard_yaml"),
    path("scorecards/<slug:key>/draft/", scorecard_actions.edit_draft, name="scorecard_draft"),
    path(
        "scorecards/<slug:key>/publish/", scorecard_actions.publish_draft, name="scorecard_publish"
    ),
    path(
        "scorecards/<slug:key>/discard/", scorecard_actions.discard_draft, name="scorecard_discard"
    ),
    path("scorecards/<slug:key>/activate/", scorecard_actions.activate, name="scorecard_activate"),
    path("catalogue.csv", metrics.metrics_csv, name="metrics_csv"),
    path("catalogue/", metrics.metric_list, name="metrics"),
    path("catalogue/new/", metrics.metric_edit, name="metric_new"),
    path("catalogue/<slug:key>/", metrics.metric_page, name="metric"),
    path("catalogue/<slug:key>/edit/", metrics.metric_edit, name="metric_edit"),
    path("catalogue/<slug:key>/switch/", metrics.metric_switch, name="metric_switch"),
]
