"""The web server's door."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "csm.settings")
os.environ.setdefault("CSM_PROCESS", "web")
application = get_wsgi_application()

from csm import embedded  # noqa: E402 - settings first

embedded.start()
