from django.db import migrations

from rbac.walls import TenantStays, UniqueInTenant


class Migration(migrations.Migration):
    dependencies = [("providers", "0002_walls"), ("rbac", "0003_tenant_stays")]
    operations = [
        TenantStays("ProviderConnection"),
        TenantStays("ProviderCredential"),
        UniqueInTenant("ProviderCredential", "connection"),
    ]
