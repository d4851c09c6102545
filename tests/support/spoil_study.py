"""Ways to spoil the study that `fixtures_libraries.write_study` writes; each gives a function of its folder."""

import shutil

from fixtures_libraries import SHEET, write_trio


def instead(name, write):
    """Put another file in place of the first library, and name it in the sheet."""

    def spoil(f):
        shutil.rmtree(f / "ip")
        write(f / name)
        (f / "samples.tsv").write_text(SHEET.replace("P1\tip", f"P1\t{name}"))

    return spoil


def library(**options):
    """Write the first library anew with other contents."""

    def spoil(f):
        shutil.rmtree(f / "ip")
        write_trio(f / "ip", **options)

    return spoil


def both(**options):
    """Write both libraries anew, each with a seed of its own."""

    def spoil(f):
        for seed, name in enumerate(("ip", "pk"), start=1):
            shutil.rmtree(f / name)
            write_trio(f / name, seed=seed, **options)

    return spoil
