"""Arrays to plotly figures, a file a room. Knows neither streamlit nor torch, and trusts no text.

Token text comes from users and models, and plotly reads some HTML: everything printed in a figure
goes through `style.printed`. A token that occurs twice is two positions, never one.
"""
