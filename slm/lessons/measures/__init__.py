"""Measures of lessons' claims: functions of a checkpoint, each with its control."""
