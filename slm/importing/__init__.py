"""Other people's models: detected, checked against their files, and made into runs."""
