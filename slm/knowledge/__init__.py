"""Knowledge: continuations of prompts, judged by rule, by a person or by a judge."""
