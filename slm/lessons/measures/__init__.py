"""How each claim of a lesson is measured: small functions of a checkpoint, each with its control."""
