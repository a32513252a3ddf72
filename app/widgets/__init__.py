"""What several pages show or ask: figures, stories, pickers, the sidebar."""
