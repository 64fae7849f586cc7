from django.db import migrations

from rbac.walls import TenantReference, TenantWall

# What has ended stays as it was. Let through: a person or an older run that is gone, and pruning (a DELETE).
HISTORY_STAYS = """
CREATE FUNCTION operations_operationrun_history_stays() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE allowed operations_operationrun;
BEGIN
  allowed := OLD;
  IF NEW.initiator_id IS NULL THEN allowed.initiator_id := NULL; END IF;
  IF NEW.retry_of_id IS NULL THEN allowed.retry_of_id := NULL; END IF;
  IF NEW.parent_id IS NULL THEN allowed.parent_id := NULL; END IF;
  IF NEW IS DISTINCT FROM allowed THEN RAISE EXCEPTION 'A completed run does not change (run %)', OLD.id; END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER history_stays BEFORE UPDATE ON operations_operationrun
  FOR EACH ROW WHEN (OLD.status = 'completed') EXECUTE FUNCTION operations_operationrun_history_stays();
"""


class Migration(migrations.Migration):
    dependencies = [("operations", "0001_initial"), ("rbac", "0002_walls")]
    operations = [
        TenantWall("OperationRun", fleet=True),
        TenantWall("OperationItem", fleet=True),
        TenantWall("Notification", fleet=True),
        TenantReference("OperationItem", "run", to="operations.OperationRun"),
        TenantReference("Notification", "run", to="operations.OperationRun"),
        TenantReference("OperationRun", "retry_of", to="operations.OperationRun"),
        TenantReference("OperationRun", "parent", to="operations.OperationRun"),
        migrations.RunSQL(HISTORY_STAYS, "DROP FUNCTION operations_operationrun_history_stays() CASCADE"),
    ]
