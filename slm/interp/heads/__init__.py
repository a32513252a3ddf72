"""What attention heads do: scores beside shuffled attention, confirmed by ablation."""
