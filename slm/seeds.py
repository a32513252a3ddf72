"""Seeds: whole numbers of 64 bits, 0 or more, and the generators seeded with them."""

import argparse
import hashlib

from slm.errors import BadInput

LARGEST_SEED = 2**64 - 1


def check_seed(seed: int) -> int:
    """Return `seed`; `BadInput` where it is negative or takes more than 64 bits."""
    if not 0 <= seed <= LARGEST_SEED:
        raise BadInput(f"a seed is a whole number from 0 to {LARGEST_SEED}, not {seed}")
    return seed


def parse_seed(text: str) -> int:
    """Read a seed that is a command's argument; argparse's error where it is none."""
    try:
        return check_seed(int(text))
    except ValueError:  # `BadInput` is one
        raise argparse.ArgumentTypeError(
            f"a seed is a whole number from 0 to {LARGEST_SEED}, not {text!r}"
        ) from None


def derived_seed(number: int) -> int:
    """Derive a seed of 64 bits from `number`, which is 0 or more and of any size.

    A number of at most 64 bits is returned as it is; a larger one gives 64 bits of its BLAKE2b hash.
    """
    return number if number <= LARGEST_SEED else _hashed(number)


def generator_seed(seed: int, stream: int | None = None) -> int:
    """Return the value to seed torch's CPU generator with, for a seed or one of its independent streams.

    That generator (MT19937) takes the lower 32 bits of its seed. A seed of 32 bits is passed as it
    is; a larger one is hashed, so that seeds which differ in their upper bits only give other
    numbers.
    """
    number = seed if stream is None else seed * 1_000_003 + stream
    return number if seed < 1 << 32 else _hashed(number)


def _hashed(number: int) -> int:
    return int.from_bytes(hashlib.blake2b(str(number).encode(), digest_size=8).digest(), "big")
