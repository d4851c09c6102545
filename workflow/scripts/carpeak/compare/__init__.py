"""Several finished runs side by side: verdicts, shares with intervals, and settings that differ."""
