"""Paid calls: one client of OpenAI-compatible servers, prices, budget, kept replies."""
