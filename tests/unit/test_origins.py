"""Sentences on where the CAR's counts come from, from the files that rules leave."""

from carpeak.report import car_source
from carpeak.report.inputs import CarSource

COUNTED = {
    "features": ["RQR8", "scFv"],
    "pairs": 1_234_567,
    "molecules": 1500,
    "cells_with_umis": 700,
    "cells": 5000,
    "shared": 321,
    "warnings": ["few barcodes"],
    "replaces": False,
}


def stretch(gene, start, end):
    return {"gene": gene, "start": start, "end": end}


def finding(level, message, check="length"):
    return {"construct": "CAR", "check": check, "level": level, "message": message}


def construct(shared, findings=()):
    return {"name": "CAR", "length": 1500, "shared": shared, "findings": list(findings)}


def test_a_study_without_reads_says_nothing():
    assert car_source.sentences_and_warnings(CarSource(None, {}, {}), end_is_known=False) == {
        "sentences": [],
        "warnings": [],
    }


def test_shared_stretches_are_gathered_by_gene():
    [said] = car_source.shared(
        construct([stretch("CD8A", 1, 63), stretch("CD28", 70, 99), stretch("CD8A", 790, 892)])
    )
    assert "Of CAR (1,500 bases)" in said and "CD8A 1–63 and 790–892; CD28 70–99." in said
    [said] = car_source.shared(construct([]))
    assert "shares no stretch" in said
    [said] = car_source.shared(construct([stretch(f"G{i}", i, i + 40) for i in range(20)]))
    assert "G7" in said and "G8 " not in said and "12 more genes" in said


def test_what_was_counted_and_what_is_doubtful():
    found = [
        finding("warning", "no poly(A) signal"),
        finding("ok", "all is well"),
        finding("problem", "blind"),
    ]
    star = {
        "star": "2.7.11b",
        "Number of Reads": "2000000",
        "Reads With Valid Barcodes": "0.957",
        "warnings": [],
    }
    source = CarSource({"constructs": [construct([], found)]}, {"peak": COUNTED}, {"ip": star})
    told = car_source.sentences_and_warnings(source, end_is_known=True)
    assumed = car_source.sentences_and_warnings(source, end_is_known=False)["sentences"]
    assert set(assumed) - set(told["sentences"]) == {assumed[-1]} and "checked for 3′" in assumed[-1]
    text = " ".join(told["sentences"])
    assert "The matrix of peak lacks RQR8 and scFv; its UMIs were added, no other count was changed." in text
    assert (
        "UMIs of scFv in ip were counted read by read, not by the aligner, in 10 reads"
        in car_source.added("ip", {**COUNTED, "features": ["scFv"], "pairs": 10, "replaces": True})
    )
    assert "in 1,234,567 reads: 1,500 UMIs in 700 of 5,000 cells. 321 reads" in text
    assert (
        "All genes of ip were counted by STARsolo (STAR 2.7.11b; 2,000,000 reads, 96% with a barcode of the kit)"
        in text
    )
    assert told["warnings"] == [("CAR", "no poly(A) signal"), ("CAR", "blind"), ("peak", "few barcodes")]
