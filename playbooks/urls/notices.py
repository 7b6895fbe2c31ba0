from django.urls import path

from playbooks.views import notices

urlpatterns = [
    path("notices/", notices.notices, name="notices"),
    path("notices/read/", notices.read, name="notices_read"),
    path("notices/settings/", notices.settings, name="notice_settings"),
    path("notices/webhooks/", notices.webhooks, name="webhooks"),
    path("notices/webhooks/<int:pk>/", notices.webhook, name="webhook"),
]
