from django.db import migrations

from rbac.walls import TenantReference, TenantWall


class Migration(migrations.Migration):
    dependencies = [("providers", "0001_initial"), ("rbac", "0002_walls")]
    operations = [
        TenantWall("ProviderConnection"),
        TenantWall("ProviderCredential"),
        TenantReference("ProviderCredential", "connection", to="providers.ProviderConnection"),
    ]
