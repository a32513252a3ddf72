"""What the predictions page shows of a word, a file a view."""
