from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("scoring", "0004_stages")]

    operations = [
        migrations.AddField(
            model_name="accounthealth",
            name="rescored_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
