from django.db import migrations

from rbac.walls import AppendOnly, TenantWall


class Migration(migrations.Migration):
    dependencies = [("rbac", "0001_initial")]
    operations = [TenantWall("AuditEvent", fleet=True), AppendOnly("AuditEvent")]
