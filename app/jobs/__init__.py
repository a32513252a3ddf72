"""Long work: in a thread that sessions share (`Work`), or a training in a process of its own."""
