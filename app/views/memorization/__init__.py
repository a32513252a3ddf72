"""The memorization page's parts: which corpus, work that takes long, and copies as they are shown."""
