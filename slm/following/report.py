"""What is told of following: every model's scores, what the detectors get wrong, and the settings."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from slm.following.detectors import detector_errors
from slm.following.study import Following, FollowingSettings
from slm.runs import Address, open_run


@dataclass(frozen=True, kw_only=True)
class FollowingReport:
    """The studies of several checkpoints with the same settings, by address."""

    found: Mapping[str, Following]
    settings: FollowingSettings

    def to_json(self) -> dict[str, Any]:
        """Return a record per address, the detectors' error rates, and the settings."""
        return {
            "following": [
                {"address": address, **about(address), **one.to_json()}
                for address, one in self.found.items()
            ],
            "detectors": [one.to_json() for one in detector_errors()],
            "settings": asdict(self.settings),
        }


def about(address: str) -> dict[str, Any]:
    """Return what a run's record says that bears on following: its depth, and what it never saw."""
    info = open_run(Address.parse(address).run).info
    return {
        "layers": info.config.n_layers,
        "corpus": info.corpus.get("train", ""),
        "without": list(info.corpus.get("without", [])),
    }
