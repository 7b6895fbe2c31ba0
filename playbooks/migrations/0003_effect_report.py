from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("playbooks", "0002_clock_rules"),
    ]

    operations = [
        migrations.CreateModel(
            name="EffectReport",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("as_of", models.DateField(unique=True)),
                ("body", models.JSONField(default=dict)),
                ("made_at", models.DateTimeField(auto_now=True)),
            ],
            options={
                "ordering": ["-as_of"],
            },
        ),
    ]
