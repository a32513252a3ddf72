"""Learning: the recipe, the loop, and the run it leaves behind."""
