"""Two models beside each other: what each expects, which parts are the same, what changed and when."""
