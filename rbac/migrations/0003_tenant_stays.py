from django.db import migrations

from rbac.walls import TenantStays


class Migration(migrations.Migration):
    dependencies = [("rbac", "0002_walls")]
    operations = [TenantStays("AuditEvent")]
