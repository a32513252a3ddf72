"""How good is the writing? Loss, and a judge who reads the stories and is paid only once."""
