"""What only one page needs, a folder a page."""
