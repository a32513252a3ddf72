"""Stories and openings that ship with the program, as text files."""
