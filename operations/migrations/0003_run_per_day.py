from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("operations", "0002_walls"),
        ("rbac", "0002_walls"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            model_name="operationrun",
            index=models.Index(fields=["tenant", "queued_at", "outcome"], name="run_per_day"),
        ),
    ]
