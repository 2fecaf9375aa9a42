"""What people type and click: one module per feature."""
