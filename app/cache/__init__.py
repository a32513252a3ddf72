"""The only place for Streamlit's caches, a file a room: pages ask `cache.attention(address, …)`."""

from app.cache.checkpoints import checkpoint
from app.cache.comparing import (
    difference,
    drift,
    layers,
    mailable,
    matched,
    measuring,
    reading,
    stages,
)
from app.cache.following import following
from app.cache.generation import completions
from app.cache.grading import to_grade
from app.cache.grid import damage as grades_damage
from app.cache.grid import findings, graded_checkpoints, kept_measures, story_judges
from app.cache.heads import (
    head_atlas,
    head_examples,
    head_scores,
    query_keys,
    query_keys_in_stories,
)
from app.cache.knowledge import answers
from app.cache.lessons import answered, checked, learned_parts
from app.cache.memorization import copy_index, texts
from app.cache.neurons import (
    around_token,
    band_examples,
    by_word,
    examples,
    first_neurons,
    index,
    neuron_writes,
    rarest,
    selective,
    text_activations,
    top_tokens,
    top_tokens_json,
)
from app.cache.overview import (
    copying_and_not,
    finds_across,
    measuring_overview,
    overview,
)
from app.cache.predictions import (
    attention,
    attribution,
    checks,
    facts,
    log_prob_drop,
    logit_lens,
    next_token_predictions,
    regenerated,
    to_str_tokens,
    without_heads,
)
from app.cache.roles import protagonist, roles, snippets
from app.cache.scores import score_checks, scored_stories, scores
from app.cache.shipped import shipped_openings, shipped_stories
from app.cache.stories import (
    corpus_diversity,
    corpus_loss,
    corpus_read,
    corpus_search,
    story_tokens,
)
from app.cache.training import preview, speed
