"""Reading frames of a construct: the longest one, and signs that it is broken."""

from __future__ import annotations

from typing import NamedTuple

STOPS = frozenset((b"TAA", b"TAG", b"TGA"))
BROKEN = 300  # bases that stay open in another frame, straight after or before the main one


class Orf(NamedTuple):
    """An open reading frame, 1-based, ends included (stop codon too), with the open stretch that holds it."""

    start: int
    end: int
    has_start: bool
    has_stop: bool
    open_start: int
    open_end: int

    @property
    def size(self) -> int:
        """Bases, with the stop codon."""
        return self.end - self.start + 1


def reverse_complement(sequence: bytes) -> bytes:
    """The other strand; IUPAC letters are complemented too."""
    return sequence.translate(bytes.maketrans(b"ACGTRYKMBDHVacgt", b"TGCAYRMKVHDBtgca"))[::-1]


def open_frames(sequence: bytes) -> list[Orf]:
    """Stretches between stops in the three frames (upper-case DNA), each with its reading frame.

    A frame starts at the first ATG; where the sequence itself begins within the frame and no ATG stands
    in the first third, the start codon is held to be missing.
    """
    found: list[Orf] = []
    for frame in range(3):
        start, start_codon = frame, -1
        last = frame + (len(sequence) - frame) // 3 * 3
        for at in range(frame, last, 3):
            codon = sequence[at : at + 3]
            if codon == b"ATG" and start_codon < 0:
                start_codon = at
            if codon in STOPS:
                found.extend(_orf(frame, start, start_codon, at + 3, stop=True))
                start, start_codon = at + 3, -1
        found.extend(_orf(frame, start, start_codon, last, stop=False))
    return found


def _orf(frame: int, start: int, start_codon: int, end: int, *, stop: bool) -> list[Orf]:
    if end <= start:
        return []
    begins_inside = start == frame and (start_codon < 0 or start_codon - start > (end - start) / 3)
    if begins_inside:
        return [Orf(start + 1, end, False, stop, start + 1, end)]  # noqa: FBT003
    if start_codon < 0:
        return [Orf(end + 1, end, False, stop, start + 1, end)]  # noqa: FBT003  open but never begun: size 0
    return [Orf(start_codon + 1, end, True, stop, start + 1, end)]  # noqa: FBT003


def longest(sequence: bytes) -> Orf:
    """The longest reading frame on the forward strand."""
    empty = Orf(1, 0, False, False, 1, 0)  # noqa: FBT003
    return max(open_frames(sequence), key=lambda orf: (orf.size, -orf.start), default=empty)


def frame_break(sequence: bytes, main: Orf) -> int | None:
    """Where the frame seems to shift, or None.

    A lost or gained base ends the true frame at a chance stop while another frame is open across that
    point and for at least `BROKEN` bases more, which chance does in fewer than one of 100 sequences.
    """
    for other in open_frames(sequence):
        if (other.open_start - main.open_start) % 3 == 0:
            continue
        goes_on = other.open_start <= main.end + 1 and other.open_end - main.end >= BROKEN
        came_before = other.open_end >= main.open_start - 1 and main.open_start - other.open_start >= BROKEN
        if goes_on:
            return main.end
        if came_before:
            return main.open_start
    return None
