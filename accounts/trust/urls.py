"""Addresses of data quality; `csm.urls` mounts them at the root. All are for admins, others get 404."""

from django.urls import path

from accounts.trust.views import contradictions, duplicates, overview, quarantine, sources

urlpatterns = [
    path("quality/", overview.overview, name="quality"),
    path("quality/refresh/", overview.refresh, name="quality_refresh"),
    path("quality/unowned/", overview.unowned, name="quality_unowned"),
    path("quality/unowned.csv", overview.unowned_csv, name="quality_unowned_csv"),
    path("quality/sources/", sources.sources, name="quality_sources"),
    path("quality/sources.csv", sources.sources_csv, name="quality_sources_csv"),
    path("quality/sources/<int:pk>/", sources.source, name="quality_source"),
    path("quality/sources/<int:pk>/save/", sources.save, name="quality_source_save"),
    path("quality/sources/<int:pk>/freeze/", sources.freeze, name="quality_freeze"),
    path("quality/freezes/<int:pk>/lift/", sources.lift, name="quality_lift"),
    path("quality/quarantine/", quarantine.held, name="quality_quarantine"),
    path("quality/quarantine.csv", quarantine.held_csv, name="quality_quarantine_csv"),
    path("quality/quarantine/load/", quarantine.load, name="quality_held_load"),
    path("quality/quarantine/discard/", quarantine.discard, name="quality_held_discard"),
    path("quality/quarantine/put-back/", quarantine.put_back, name="quality_held_put_back"),
    path("quality/duplicates/", duplicates.pairs, name="quality_duplicates"),
    path("quality/duplicates.csv", duplicates.pairs_csv, name="quality_duplicates_csv"),
    path("quality/duplicates/search/", duplicates.search, name="quality_duplicates_search"),
    path("quality/duplicates/two/", duplicates.settle, name="quality_settle"),
    path("quality/duplicates/two/<int:pk>/undo/", duplicates.unsettle, name="quality_unsettle"),
    path("quality/merge/", duplicates.merge_preview, name="quality_merge"),
    path("quality/merge/now/", duplicates.merge_now, name="quality_merge_now"),
    path("quality/merge/<int:pk>/undo/", duplicates.merge_undo, name="quality_merge_undo"),
    path("quality/contradictions/", contradictions.rules, name="quality_contradictions"),
    path(
        "quality/contradictions/<slug:key>/", contradictions.accounts, name="quality_contradiction"
    ),
    path(
        "quality/contradictions/<slug:key>.csv",
        contradictions.accounts_csv,
        name="quality_contradiction_csv",
    ),
]
