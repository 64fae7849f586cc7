from django.conf import settings
from django.db import migrations, models

from rbac.walls import FleetReference, TenantStays

RUN = "operations.OperationRun"


class Migration(migrations.Migration):
    dependencies = [
        ("operations", "0003_run_per_day"),
        ("rbac", "0003_tenant_stays"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="notification", name="notification_once"),
        migrations.RemoveConstraint(model_name="operationitem", name="item_once_per_run"),
        migrations.AddConstraint(
            model_name="notification",
            constraint=models.UniqueConstraint(
                fields=("tenant", "user", "run", "kind"), name="notification_once", nulls_distinct=False
            ),
        ),
        migrations.AddConstraint(
            model_name="operationitem",
            constraint=models.UniqueConstraint(
                fields=("tenant", "run", "key"), name="item_once_per_run", nulls_distinct=False
            ),
        ),
        *[TenantStays(model) for model in ("OperationRun", "OperationItem", "Notification")],
        FleetReference("OperationItem", "run", to=RUN),
        FleetReference("Notification", "run", to=RUN),
        FleetReference("OperationRun", "retry_of", to=RUN),
        FleetReference("OperationRun", "parent", to=RUN),
    ]
