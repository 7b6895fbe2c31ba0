from django.db import migrations, models
from django.db.models import F, Q
from django.db.models.functions import Abs

_LARGEST = (F("as_of").desc(), Abs(F("new_score") - F("old_score")).desc(), F("id").asc())
_JUDGED = Q(old_band__gte=0, new_band__gte=0)


class Migration(migrations.Migration):
    dependencies = [("scoring", "0010_score_before_caps_is_computed")]

    operations = [
        migrations.AddIndex(
            "bandchange",
            models.Index(
                *_LARGEST, condition=_JUDGED & Q(new_band__lt=F("old_band")), name="bandchange_down"
            ),
        ),
        migrations.AddIndex(
            "bandchange",
            models.Index(
                *_LARGEST, condition=_JUDGED & Q(new_band__gt=F("old_band")), name="bandchange_up"
            ),
        ),
        migrations.AddIndex(
            "accounthealth",
            models.Index(fields=["tier", "score", "account_id"], name="health_tier_by_score"),
        ),
        migrations.AddField(
            "scorerun",
            "sums_moved_at",
            models.DateTimeField(blank=True, editable=False, null=True),
        ),
    ]
