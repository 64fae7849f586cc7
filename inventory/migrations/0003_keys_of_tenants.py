from django.db import migrations, models

from rbac.walls import TenantStays

MODELS = ["Content", "InventoryItem", "ItemVersion", "TypeReading", "ComplianceSnapshot"]


class Migration(migrations.Migration):
    dependencies = [
        ("inventory", "0002_walls"),
        ("operations", "0004_keys_of_tenants"),
        ("providers", "0003_keys_of_tenants"),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="compliancesnapshot", name="snapshot_row_once"),
        migrations.RemoveConstraint(model_name="itemversion", name="version_number_once"),
        migrations.RemoveConstraint(model_name="typereading", name="reading_once_per_run_and_type"),
        migrations.AddConstraint(
            model_name="compliancesnapshot",
            constraint=models.UniqueConstraint(
                fields=("tenant", "connection", "taken_at", "platform", "state"), name="snapshot_row_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="itemversion",
            constraint=models.UniqueConstraint(fields=("tenant", "item", "number"), name="version_number_once"),
        ),
        migrations.AddConstraint(
            model_name="typereading",
            constraint=models.UniqueConstraint(fields=("tenant", "run", "type"), name="reading_once_per_run_and_type"),
        ),
        *[TenantStays(model) for model in MODELS],
    ]
