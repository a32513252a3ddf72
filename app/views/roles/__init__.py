"""What the roles page shows, a view a file."""
