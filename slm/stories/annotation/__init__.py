"""What every word of a story is: word classes, nursery roles, labels, minimal pairs."""
