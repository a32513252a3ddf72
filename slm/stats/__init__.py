"""Means, shares and AUCs with their intervals. Knows neither models nor stories."""
