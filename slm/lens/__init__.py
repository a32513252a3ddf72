"""Looking inside: where heads look and what excites neurons. Knows nothing of pages."""
