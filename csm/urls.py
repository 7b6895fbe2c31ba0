"""Every address of the workbench. All but the first five ask for a log-in (LoginRequiredMiddleware)."""

from django.contrib import admin
from django.urls import include, path

from csm import gallery, import_views, probes

admin.site.site_header = "CSM workbench administration"
admin.site.site_title = "CSM workbench"
admin.site.index_title = "Tuning and users"

urlpatterns = [
    # Browsers ask for it by this name on pages that name no icon, the administration's among them.
    path("favicon.ico", probes.favicon, name="favicon"),
    path("healthz", probes.healthz, name="healthz"),
    path("readyz", probes.readyz, name="readyz"),
    path("metrics", probes.metrics, name="metrics_exposition"),
    path("", include("csm.sign_in.urls")),
    path("audit/", include("csm.audit.urls")),
    path("", include("csm.portfolio.urls")),
    path("", include("csm.night_urls")),
    path("", include("scoring.urls")),
    path("", include("accounts.events.urls")),
    path("", include("accounts.imports.urls")),
    path("", include("accounts.trust.urls")),
    path("", include("csm.jobs.urls")),
    path("", include("playbooks.urls")),
    path("imports/<int:pk>/start/", import_views.start, name="import_start"),
    path("gallery/", gallery.gallery, name="gallery"),
    path("account/tokens/", include("csm.tokens.urls")),
    path("api/", include("csm.api")),
    path("admin/", admin.site.urls),
]

handler400 = "csm.api.bad_request"
handler403 = "csm.api.permission_denied"
handler404 = "csm.api.not_found"
handler500 = "csm.api.server_error"
