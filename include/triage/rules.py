"""The incident rules."""

from __future__ import annotations

from pathlib import Path

INCIDENT_RULES = Path(__file__).with_name("incident_rules.yaml")
