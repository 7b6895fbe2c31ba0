"""The web server's door for the bench: the workbench with a bare page beside its own."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "csm.settings")
settings.ROOT_URLCONF = "csm.bench.urls"
application = get_wsgi_application()
