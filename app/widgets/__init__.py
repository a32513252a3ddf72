"""Widgets that several pages share: figures, stories, pickers, the sidebar."""
