from django.urls import path

from playbooks.views import effect

urlpatterns = [
    path("effect/", effect.effect, name="effect"),
    path("effect.csv", effect.effect_csv, name="effect_csv"),
    path("effect/refresh/", effect.refresh, name="effect_refresh"),
]
