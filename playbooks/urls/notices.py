from django.urls import path

from playbooks.views import notices, notices_webhooks

urlpatterns = [
    path("notices/", notices.notices, name="notices"),
    path("notices/read/", notices.read, name="notices_read"),
    path("notices/settings/", notices.settings, name="notice_settings"),
    path("notices/webhooks/", notices_webhooks.webhooks_page, name="webhooks"),
    path("notices/webhooks/<int:pk>/", notices_webhooks.webhook, name="webhook"),
]
