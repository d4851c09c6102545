"""What a failed run says last: per failed job its message or the end of its log, the log, and a remedy."""

from __future__ import annotations

from pathlib import Path

from ..errors import MARK

NO_WORD = (
    "stopped without a message. If you did not stop it, it was killed, most likely because memory ran out: "
    "close other programs or use fewer cores (--cores 1). Run again: what is finished is kept."
)
A_FAULT = "This is a fault of carpeak, not of your data. Please report it with the log, which holds no data."


def told(logs: str | Path, *, since: float) -> list[str]:
    """One text per job that failed: from the logs below `logs` written `since` (seconds of the epoch)."""
    found = []
    for path in sorted(Path(logs).rglob("*.log")):
        if path.stat().st_mtime < since:
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        _, mark, message = text.partition(MARK)
        if mark:
            found.append(f"{mark}{message.rstrip()}\n({_job(path, logs)}; log: {path})")
        elif "Traceback (most recent call last)" in text and "KeyboardInterrupt" not in text:
            found.append(
                f"{MARK}{_job(path, logs)}: {text.rstrip().splitlines()[-1]}\n{A_FAULT}\nlog: {path}"
            )
    return found


def unfinished(logs: str | Path, *, since: float) -> list[str]:
    """One text per job whose log, written `since`, holds neither a message nor an end."""
    return [
        f"{MARK}{_job(path, logs)}: {NO_WORD}\nlog: {path}"
        for path in sorted(Path(logs).rglob("*.log"))
        if path.stat().st_mtime >= since
        and "\ndone in " not in f"\n{path.read_text(encoding='utf-8', errors='replace')}"
    ]


def _job(path: Path, logs: str | Path) -> str:
    """The rule and the sample, population or contrast of a log."""
    parts = path.relative_to(logs).with_suffix("").parts
    return f"rule {parts[0]}" + (f", {'/'.join(parts[1:])}" if len(parts) > 1 else "")
