from django.db import migrations, models

import providers.models
import providers.registry


class Migration(migrations.Migration):
    dependencies = [("providers", "0003_keys_of_tenants")]
    operations = [
        migrations.AlterField(
            "providerconnection",
            "provider",
            models.CharField(choices=providers.registry.choices, default="microsoft", max_length=32),
        ),
        migrations.AlterField(
            "providerconnection",
            "display_name",
            models.CharField(max_length=200, validators=[providers.models.validate_printable]),
        ),
    ]
