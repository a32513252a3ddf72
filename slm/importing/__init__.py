"""Other people's models: recognised, checked against their files, and made into runs."""
