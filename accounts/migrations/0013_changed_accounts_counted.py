import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0012_trail_is_append_only")]

    operations = [
        migrations.AlterField(
            model_name="changedaccount",
            name="account",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.CASCADE,
                primary_key=True,
                related_name="changed",
                serialize=False,
                to="accounts.account",
            ),
        ),
        migrations.AddField(
            model_name="changedaccount",
            name="times",
            field=models.PositiveIntegerField(default=1),
        ),
        migrations.AddField(
            model_name="changedaccount",
            name="scored_times",
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="changedaccount",
            name="scored_run",
            field=models.BigIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="changedaccount",
            name="was_at",
            field=models.DateTimeField(default=django.utils.timezone.now),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="changedaccount",
            name="was_owner",
            field=models.BigIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="changedaccount",
            name="was_team",
            field=models.BigIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="changedaccount",
            name="was_industry",
            field=models.CharField(blank=True, max_length=80),
        ),
        migrations.AddField(
            model_name="changedaccount",
            name="was_size_segment",
            field=models.CharField(blank=True, max_length=20),
        ),
        migrations.AddField(
            model_name="changedaccount",
            name="was_arr_amount",
            field=models.BigIntegerField(blank=True, null=True),
        ),
    ]
