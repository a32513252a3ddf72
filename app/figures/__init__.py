"""Plotly figures from arrays.

Token text comes from users and models, and plotly reads some HTML: everything printed in a figure
goes through `style.printed`. A token that occurs twice is two positions, never one.
"""
