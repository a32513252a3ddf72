"""Turn results into values that JSON knows, alike for commands and for the page's exports."""

import math
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np


def json_value(value: Any) -> Any:
    """Convert a result, and what it holds, to plain values.

    By its own `to_json` where it has one, else a dataclass field by field; arrays become lists, and a
    number that is none becomes null.
    """
    if hasattr(value, "to_json"):
        return json_value(value.to_json())
    if is_dataclass(value):
        return {field.name: json_value(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, np.ndarray | np.generic):
        return json_value(value.tolist())
    if isinstance(value, dict):
        return {key: json_value(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
