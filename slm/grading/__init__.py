"""How good are the stories? A judge, or a person, grades them by the paper's protocol; intervals beside."""
