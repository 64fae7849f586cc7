"""Who may see and do what: people, tenants, scope, walls, audit trail."""
