"""Addresses of the imports; starting one lives above, in `csm.import_views`."""

from django.urls import path

from accounts.imports import mapping_views, views

urlpatterns = [
    path("imports/", views.history, name="imports"),
    path("imports.csv", views.history_csv, name="imports_csv"),
    path("imports/new/", mapping_views.new, name="import_new"),
    path("imports/upload/", mapping_views.upload, name="import_upload"),
    path("imports/<int:pk>/", views.import_page, name="import"),
    path("imports/<int:pk>/mapping/", mapping_views.mapping, name="import_mapping"),
    path("imports/<int:pk>/mapping/save/", mapping_views.mapping_save, name="import_mapping_save"),
    path("imports/<int:pk>/undo/", views.undo_page, name="import_undo"),
    path("imports/<int:pk>/again/", views.load_again, name="import_again"),
    path("imports/<int:pk>/discard/", views.discard, name="import_discard"),
    path("imports/<int:pk>/rejected.csv", views.rejected_csv, name="import_rejected_csv"),
    path("imports/<int:pk>/errors.csv", views.errors_csv, name="import_errors_csv"),
]
