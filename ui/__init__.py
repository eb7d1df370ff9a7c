"""The dashboard: one module per tab, pure helpers beside them, nothing here knows a model's inside."""
