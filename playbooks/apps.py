from django.apps import AppConfig


class PlaybooksConfig(AppConfig):
    name = "playbooks"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Models are there only now.
        from accounts.trust.followers import follow
        from playbooks.services.merging import FOLLOWER

        follow("playbooks", FOLLOWER)
