"""The dashboard: what its pages share."""
