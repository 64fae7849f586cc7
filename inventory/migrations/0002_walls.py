from django.db import migrations

from rbac.walls import TenantReference, TenantWall

MODELS = ["Content", "InventoryItem", "ItemVersion", "TypeReading", "ComplianceSnapshot"]


class Migration(migrations.Migration):
    dependencies = [("inventory", "0001_initial"), ("operations", "0002_walls"), ("providers", "0002_walls")]
    operations = [
        *[TenantWall(model) for model in MODELS],
        TenantReference("InventoryItem", "connection", to="providers.ProviderConnection"),
        TenantReference("InventoryItem", "current_version", to="inventory.ItemVersion"),
        TenantReference("ItemVersion", "item", to="inventory.InventoryItem"),
        TenantReference("ItemVersion", "content", to="inventory.Content"),
        TenantReference("ItemVersion", "run", to="operations.OperationRun"),
        TenantReference("TypeReading", "run", to="operations.OperationRun"),
        TenantReference("TypeReading", "connection", to="providers.ProviderConnection"),
        TenantReference("ComplianceSnapshot", "run", to="operations.OperationRun"),
        TenantReference("ComplianceSnapshot", "connection", to="providers.ProviderConnection"),
    ]
