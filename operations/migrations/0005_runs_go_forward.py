from django.db import migrations

# queued → running → completed, and no way back: a run is never executed again under the same number, and an attempt never
# carries an older number. A run that has not ended cannot be deleted, whoever prunes.
RUNS_GO_FORWARD = """
CREATE FUNCTION operations_operationrun_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '% (run %)', TG_ARGV[0], OLD.id; END $$;
CREATE TRIGGER goes_forward BEFORE UPDATE ON operations_operationrun
  FOR EACH ROW WHEN (OLD.status = 'running' AND NEW.status = 'queued' OR NEW.attempt < OLD.attempt)
  EXECUTE FUNCTION operations_operationrun_refuse('A run does not go back');
CREATE TRIGGER active_stays BEFORE DELETE ON operations_operationrun
  FOR EACH ROW WHEN (OLD.status <> 'completed')
  EXECUTE FUNCTION operations_operationrun_refuse('A run that has not ended is not deleted');
"""


class Migration(migrations.Migration):
    dependencies = [("operations", "0004_keys_of_tenants")]
    operations = [
        migrations.RunSQL(RUNS_GO_FORWARD, "DROP FUNCTION operations_operationrun_refuse() CASCADE"),
    ]
