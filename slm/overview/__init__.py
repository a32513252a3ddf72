"""An overview of a checkpoint, kept with its run: labelled heads, neurons with roles, finds."""
