"""The dashboard: one module per tab, pure helpers beside them, nothing here knows how a model works inside."""
