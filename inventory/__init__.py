"""What a tenant has and had."""
