"""Fetching files: whole, checked, resumed; every way a server fails ends in a sentence or in the right bytes."""

import gzip
import hashlib
import io as bytes_io
import json
import random
import tarfile
from pathlib import Path

import pytest
from carpeak.download import archive, cellxgene, progress, provide, transfer
from carpeak.download.transfer import Patience, Wanted
from carpeak.errors import UserError
from carpeak.study import config, downloads
from carpeak.study.downloads import Download
from runs import ROOT
from server import running

CONTENT = gzip.compress(random.Random(1).randbytes(700_000), mtime=0)  # several chunks
OTHER = gzip.compress(random.Random(2).randbytes(700_000), mtime=0)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
IMPATIENT = Patience(tries=3, pause=0.01, timeout=5)
PAGE = (
    b"<!DOCTYPE html>\n<html><head><title>Site under maintenance</title></head><body>back soon</body></html>"
)


@pytest.fixture(scope="module")
def server():
    with running() as one:
        yield one


@pytest.fixture
def said():
    return []


def get(server, folder, said, *, name="a.csv.gz", patience=IMPATIENT, **known):
    wanted = Wanted(f"{server.url}/{name}", folder / name, **known)
    transfer.fetch(wanted, say=said.append, patience=patience)
    return wanted.target.read_bytes()


def refused(server, folder, said, **options):
    """The message of a failed fetch, which must leave neither the file nor anything that looks like it."""
    with pytest.raises(UserError) as caught:
        get(server, folder, said, **options)
    assert not (folder / options.get("name", "a.csv.gz")).exists()
    return str(caught.value)


def left(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_arrives_whole_and_alone(server, tmp_path, said):
    served = server.serve("/a.csv.gz", CONTENT)
    assert get(server, tmp_path, said, size=len(CONTENT), sha256=SHA256) == CONTENT
    assert left(tmp_path) == ["a.csv.gz"]
    assert served.asked == [None]
    assert said[-1] == f"a.csv.gz: complete, {len(CONTENT):,} bytes"


def test_a_broken_transfer_goes_on_where_it_stopped(server, tmp_path, said):
    served = server.serve("/a.csv.gz", CONTENT, cuts=[300_000, 100_000, None])
    assert get(server, tmp_path, said, sha256=SHA256) == CONTENT
    assert served.asked == [None, "bytes=300000-", "bytes=400000-"]
    assert any("broke off after 300,000 of" in line for line in said)
    assert left(tmp_path) == ["a.csv.gz"]


def test_a_server_without_ranges_is_read_from_the_beginning(server, tmp_path, said):
    served = server.serve("/a.csv.gz", CONTENT, cuts=[300_000, None], ranges=False)
    assert get(server, tmp_path, said) == CONTENT
    assert served.asked == [None, "bytes=300000-"]


def test_a_server_that_always_breaks_off_is_given_up_and_the_next_run_goes_on(server, tmp_path, said):
    server.serve("/a.csv.gz", CONTENT, cuts=[300_000, 0])
    text = refused(server, tmp_path, said)
    for word in (f"{server.url}/a.csv.gz", "broke off after 300,000 of", "3 tries", "download.mirror"):
        assert word in text
    assert left(tmp_path) == ["a.csv.gz.part", "a.csv.gz.part.json"]
    served = server.serve("/a.csv.gz", CONTENT)
    assert get(server, tmp_path, said) == CONTENT
    assert served.asked == ["bytes=300000-"]


def test_a_slow_line_that_breaks_often_gets_there(server, tmp_path, said):
    """Tries count only in a row without a new byte: many breaks are no reason to give up."""
    served = server.serve("/a.csv.gz", CONTENT, cuts=[100_000])
    assert get(server, tmp_path, said) == CONTENT
    assert len(served.asked) == 8 > IMPATIENT.tries


def test_a_server_that_always_starts_anew_and_breaks_off_is_given_up(server, tmp_path, said):
    served = server.serve("/a.csv.gz", CONTENT, cuts=[300_000], ranges=False)
    assert "given up" in refused(server, tmp_path, said)
    assert len(served.asked) == 3


def test_pieces_of_two_versions_are_not_mixed(server, tmp_path, said):
    server.serve("/a.csv.gz", CONTENT, cuts=[300_000, 0])
    refused(server, tmp_path, said)
    served = server.serve("/a.csv.gz", OTHER, etag='"2"')
    assert get(server, tmp_path, said) == OTHER
    assert served.asked == ["bytes=300000-"], "asked for the rest of version 1, got all of version 2"


@pytest.mark.parametrize("etag", [None, 'W/"1"'])
def test_without_a_strong_validator_nothing_is_built_on(server, tmp_path, said, etag):
    served = server.serve("/a.csv.gz", CONTENT, cuts=[300_000, None], etag=etag)
    assert get(server, tmp_path, said) == CONTENT
    assert served.asked == [None, None]


def test_pieces_that_make_another_file_are_fetched_afresh(server, tmp_path, said):
    """A server that calls two versions by one ETag: only the checksum can tell."""
    server.serve("/a.csv.gz", OTHER, cuts=[300_000, 0])
    refused(server, tmp_path, said)
    served = server.serve("/a.csv.gz", CONTENT)
    assert get(server, tmp_path, said, sha256=SHA256) == CONTENT
    assert served.asked == ["bytes=300000-", None]


def test_the_part_of_another_address_is_not_used(server, tmp_path, said):
    server.serve("/a.csv.gz", OTHER, cuts=[300_000, 0])
    refused(server, tmp_path, said)
    served = server.serve("/b/a.csv.gz", CONTENT)
    transfer.fetch(Wanted(f"{server.url}/b/a.csv.gz", tmp_path / "a.csv.gz"), say=said.append)
    assert (tmp_path / "a.csv.gz").read_bytes() == CONTENT
    assert served.asked == [None]


def test_a_part_that_is_longer_than_the_file_is_thrown_away(server, tmp_path, said):
    server.serve("/a.csv.gz", CONTENT, cuts=[300_000, 0])
    refused(server, tmp_path, said)
    served = server.serve("/a.csv.gz", CONTENT[:200_000])
    assert get(server, tmp_path, said) == CONTENT[:200_000]
    assert served.asked == ["bytes=300000-", None]


def test_a_wrong_checksum_keeps_nothing(server, tmp_path, said):
    served = server.serve("/a.csv.gz", CONTENT)
    text = refused(server, tmp_path, said, sha256="0" * 64)
    for word in ("checksum of a.csv.gz is wrong", SHA256, "0" * 64, "column sha256"):
        assert word in text
    assert left(tmp_path) == []
    assert len(served.asked) == 1, "a whole file that differs will differ again"


@pytest.mark.parametrize("name", ["a.csv.gz", "a.csv", "a.h5ad", "a.tar", "a.zip"])
def test_a_web_page_with_status_200_is_recognised(server, tmp_path, said, name):
    served = server.serve(f"/{name}", PAGE)
    text = refused(server, tmp_path, said, name=name)
    for word in (f"{server.url}/{name}", "web page", "Site under maintenance", "browser"):
        assert word in text
    assert left(tmp_path) == []
    assert len(served.asked) == 1


def test_a_page_in_place_of_the_rest_leaves_the_part(server, tmp_path, said):
    server.serve("/a.csv.gz", CONTENT, cuts=[300_000, 0])
    refused(server, tmp_path, said)
    server.serve("/a.csv.gz", PAGE, ranges=False)
    assert "web page" in refused(server, tmp_path, said)
    served = server.serve("/a.csv.gz", CONTENT)
    assert get(server, tmp_path, said) == CONTENT
    assert served.asked == ["bytes=300000-"]


def test_bytes_that_are_not_what_the_name_says(server, tmp_path, said):
    server.serve("/a.h5ad", b"gene,cell\nCD3D,1\n")
    assert "not a HDF5 file" in refused(server, tmp_path, said, name="a.h5ad")


@pytest.mark.parametrize(
    ("status", "words"), [(404, ["not found", "correct the column url"]), (403, ["refused", "log-in"])]
)
def test_a_refusal_is_told_at_once(server, tmp_path, said, status, words):
    served = server.serve("/a.csv.gz", b"", statuses=[status] * 9)
    text = refused(server, tmp_path, said)
    for word in (f"{server.url}/a.csv.gz", str(status), *words):
        assert word in text
    assert len(served.asked) == 1
    assert left(tmp_path) == []


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_asked_again(server, tmp_path, said, status):
    served = server.serve("/a.csv.gz", CONTENT, statuses=[status, status], headers={"Retry-After": "0"})
    assert get(server, tmp_path, said) == CONTENT
    assert len(served.asked) == 3


def test_the_wait_that_a_server_asks_for_is_kept(server, tmp_path, said, monkeypatch):
    waits = []
    monkeypatch.setattr(transfer.time, "sleep", waits.append)
    server.serve("/a.csv.gz", CONTENT, statuses=[503, 503], headers={"Retry-After": "7"})
    get(server, tmp_path, said)
    assert waits == [7, 7]


def test_the_pause_doubles(server, tmp_path, said, monkeypatch):
    waits = []
    monkeypatch.setattr(transfer.time, "sleep", waits.append)
    server.serve("/a.csv.gz", CONTENT, statuses=[500] * 4)
    get(server, tmp_path, said, patience=Patience(tries=5, pause=2))
    assert waits == [2, 4, 8, 16]


def test_another_size_is_noticed_before_the_transfer(server, tmp_path, said):
    server.serve("/a.csv.gz", CONTENT)
    text = refused(server, tmp_path, said, size=12)
    assert f"{len(CONTENT):,} bytes on the server" in text
    assert "gives 12" in text
    assert left(tmp_path) == []


def test_a_cut_without_announced_length_is_noticed(server, tmp_path, said):
    server.serve("/a.csv.gz", CONTENT, chunked=True, cuts=[300_000, None])
    assert get(server, tmp_path, said) == CONTENT


def test_a_server_that_says_nothing_is_not_waited_for_for_ever(server, tmp_path, said):
    server.serve("/a.csv.gz", CONTENT, delay=0.6)
    text = refused(server, tmp_path, said, patience=Patience(tries=2, pause=0.01, timeout=0.2))
    assert "can't be reached" in text


def test_no_network(tmp_path, said):
    with running() as gone:
        url = gone.url
    with pytest.raises(UserError) as caught:
        transfer.fetch(Wanted(f"{url}/a.h5", tmp_path / "a.h5"), say=said.append, patience=IMPATIENT)
    for word in (url, "can't be reached", "3 tries", "proxy", str(tmp_path / "a.h5"), "download.mirror"):
        assert word in str(caught.value)


def test_a_full_disk_is_noticed_before_the_transfer(server, tmp_path, said, monkeypatch):
    server.serve("/a.csv.gz", CONTENT)
    usage = transfer.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(transfer.shutil, "disk_usage", lambda _: usage._replace(free=1000))
    text = refused(server, tmp_path, said)
    assert "1,000 are free" in text
    assert "data_root" in text


def test_a_disk_that_fills_up_is_told_and_the_part_stays(server, tmp_path, said, monkeypatch):
    server.serve("/a.csv.gz", CONTENT)
    monkeypatch.setattr(transfer.Progress, "at", full_after(300_000))
    text = refused(server, tmp_path, said)
    assert "No space left on device" in text
    assert (tmp_path / "a.csv.gz.part").exists()


def full_after(limit):
    def at(_self, have):
        if have > limit:
            raise OSError(28, "No space left on device")

    return at


def test_a_folder_that_cannot_be_made(server, tmp_path, said):
    server.serve("/a.csv.gz", CONTENT)
    (tmp_path / "data").write_text("a file, not a folder")
    with pytest.raises(UserError, match="data: cannot be written"):
        get(server, tmp_path / "data", said)


def test_progress_is_told_with_share_and_rest(said, monkeypatch):
    clock = iter([0.0, 5.0, 10.0, 12.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    one = progress.Progress("a.h5", 100_000_000, said.append)
    one.at(10_000_000)  # after 5 s: too soon to say
    one.at(40_000_000)
    one.at(50_000_000)
    assert said == ["a.h5: fetching of 100.0 MB", "a.h5: 40.0 MB at 4.0 MB/s (40%, about 15 s left)"]


# --- one row of the table -------------------------------------------------------------------------------


def row(folder, server=None, **changes):
    url = f"{server.url}/geo/a.csv.gz" if server else None
    return Download(**{"name": "sub/a.csv.gz", "path": str(folder / "sub/a.csv.gz"), "url": url, **changes})


def test_the_receipt_tells_where_the_file_came_from(server, tmp_path, said):
    server.serve("/geo/a.csv.gz", CONTENT)
    receipt = provide.provide(row(tmp_path, server), mirror="", say=said.append)
    assert receipt["source"] == f"{server.url}/geo/a.csv.gz"
    assert (receipt["bytes"], receipt["sha256"]) == (len(CONTENT), SHA256)


def test_a_file_that_is_there_is_not_fetched(server, tmp_path, said):
    served = server.serve("/geo/a.csv.gz", OTHER)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/a.csv.gz").write_bytes(CONTENT)
    receipt = provide.provide(row(tmp_path, server, sha256=SHA256), mirror="", say=said.append)
    assert served.asked == []
    assert receipt["source"] == provide.IN_PLACE


def test_a_wrong_file_that_is_there_is_told_and_left_alone(server, tmp_path, said):
    served = server.serve("/geo/a.csv.gz", CONTENT)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/a.csv.gz").write_bytes(OTHER)
    with pytest.raises(UserError, match=r"sub/a\.csv\.gz.*checksum"):
        provide.provide(row(tmp_path, server, sha256=SHA256), mirror="", say=said.append)
    assert (tmp_path / "sub/a.csv.gz").read_bytes() == OTHER
    assert served.asked == []


def test_the_mirror_is_asked_and_nobody_else(server, tmp_path, said):
    origin = server.serve("/geo/a.csv.gz", OTHER)
    server.serve("/copies/sub/a.csv.gz", CONTENT)
    receipt = provide.provide(row(tmp_path, server), mirror=f"{server.url}/copies/", say=said.append)
    assert (tmp_path / "sub/a.csv.gz").read_bytes() == CONTENT
    assert receipt["source"] == f"{server.url}/copies/sub/a.csv.gz"
    assert origin.asked == []


@pytest.mark.parametrize("folder", ["copies", "kopien ä #1"])
def test_a_mirror_folder(tmp_path, said, folder):
    (tmp_path / folder / "sub").mkdir(parents=True)
    (tmp_path / folder / "sub/a.csv.gz").write_bytes(CONTENT)
    mirror = (tmp_path / folder).as_uri()
    provide.provide(row(tmp_path / "data", url="https://example.invalid/a"), mirror=mirror, say=said.append)
    assert (tmp_path / "data/sub/a.csv.gz").read_bytes() == CONTENT


def test_a_file_address(tmp_path, said):
    (tmp_path / "a.csv.gz").write_bytes(CONTENT)
    url = (tmp_path / "a.csv.gz").as_uri()
    provide.provide(row(tmp_path, url=url, sha256=SHA256), mirror="", say=said.append)
    assert (tmp_path / "sub/a.csv.gz").read_bytes() == CONTENT
    with pytest.raises(UserError, match="no such file"):
        provide.provide(row(tmp_path / "other", url=url + "x"), mirror="", say=said.append)


# --- archives -------------------------------------------------------------------------------------------


def tar(path, members, mode="w"):
    with tarfile.open(path, mode) as out:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            if content is None:
                info.type, info.linkname = tarfile.SYMTYPE, "/etc/hostname"
                out.addfile(info)
            else:
                info.size = len(content)
                out.addfile(info, bytes_io.BytesIO(content))
    return path


@pytest.mark.parametrize("mode", ["w", "w:gz"])
@pytest.mark.parametrize("member", ["GSM2_Patient1-Infusion.tar.gz", "GSM2_*", "GSM2_*.tar.gz"])
def test_a_member_is_taken_by_name_or_pattern(tmp_path, said, mode, member):
    path = tar(tmp_path / "RAW.tar", {"GSM1_a.tar.gz": OTHER, "GSM2_Patient1-Infusion.tar.gz": CONTENT}, mode)
    one = row(tmp_path, archive=str(path), member=member, sha256=SHA256)
    assert provide.provide(one, mirror="", say=said.append)["sha256"] == SHA256
    assert (tmp_path / "sub/a.csv.gz").read_bytes() == CONTENT


def test_nothing_is_written_outside_the_target(tmp_path):
    inside = tmp_path / "in/data"
    inside.mkdir(parents=True)
    path = tar(tmp_path / "RAW.tar", {"../../evil.txt": b"bad", "/abs/evil.txt": b"bad too"})
    archive.take(path, "../../evil.txt", inside / "taken.txt")
    assert (inside / "taken.txt").read_bytes() == b"bad"
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == ["RAW.tar", "taken.txt"]


@pytest.mark.parametrize(
    ("member", "words"),
    [
        ("GSM3_*", ["no file matches 'GSM3_*'", "GSM1_a.h5, GSM1_b.h5"]),
        ("GSM1_*", ["2 files match 'GSM1_*'", "GSM1_a.h5, GSM1_b.h5"]),
        ("link", ["no file matches 'link'"]),
    ],
)
def test_a_member_that_is_none_or_several(tmp_path, member, words):
    path = tar(tmp_path / "RAW.tar", {"GSM1_a.h5": b"a", "GSM1_b.h5": b"b", "link": None})
    with pytest.raises(UserError) as caught:
        archive.take(path, member, tmp_path / "taken")
    for word in (str(path), *words):
        assert word in str(caught.value)
    assert not (tmp_path / "taken").exists()


def test_a_damaged_archive(tmp_path):
    path = tar(tmp_path / "RAW.tar", {"GSM1_a.h5": bytes(50_000)})
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(UserError, match=r"RAW\.tar: not a readable tar archive"):
        archive.take(path, "GSM1_a.h5", tmp_path / "taken")
    assert left(tmp_path) == ["RAW.tar"]


# --- the table ------------------------------------------------------------------------------------------

SCHEMA = config.load_yaml(ROOT / "workflow/schemas/downloads.schema.yaml")
URL = "https://example.org/a"


def checked(*rows):
    return downloads.check(list(enumerate(rows, start=2)), SCHEMA, root=Path("data"))


def test_rows_become_downloads():
    rows, found = checked(
        {"path": "RAW.tar", "url": URL, "bytes": 12, "sha256": "A" * 64},
        {"path": "P1/a.h5", "archive": "RAW.tar", "member": "GSM1_*"},
    )
    assert found == []
    assert rows[0] == Download("RAW.tar", "data/RAW.tar", url=URL, size=12, sha256="a" * 64)
    assert rows[1] == Download("P1/a.h5", "data/P1/a.h5", archive="data/RAW.tar", member="GSM1_*")
    assert rows[1].receipt == "results/downloads/P1/a.h5.json"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"path": "../a"}, ["must lie below"]),
        ({"path": "/etc/passwd"}, ["must lie below"]),
        ({"path": "a\\b"}, ["must lie below"]),
        ({"url": None}, ["either a url, or an archive"]),
        ({"archive": "b", "member": "c"}, ["either a url, or an archive"]),
        ({"url": None, "archive": "b"}, ["belong together"]),
        ({"url": None, "archive": "b", "member": "c"}, ["'b' is not the path of a row with a url"]),
        ({"url": "ftp://ftp.ncbi.nlm.nih.gov/x"}, ["write https://"]),
        ({"url": "data/a"}, ["can't be fetched", "https, http, file"]),
        ({"sha256": "abc"}, ["sha256"]),
        ({"bytes": "many"}, ["bytes", "integer"]),
        ({"md5": "abc"}, ["md5: unknown key", "valid keys"]),
    ],
)
def test_mistakes_of_a_row_are_told(changes, words):
    values = {"path": "a", "url": URL, **changes}
    rows, found = checked({key: value for key, value in values.items() if value is not None})
    assert rows == ()
    for word in ("row 2: ", *words):
        assert word in "\n".join(found)


def test_a_path_twice():
    assert "'a' occurs in 2 rows" in "\n".join(
        checked({"path": "a", "url": URL}, {"path": "a", "url": URL})[1]
    )


def test_which_downloads_make_a_path():
    names = [
        "P1/matrix.mtx.gz",
        "P1/barcodes.tsv.gz",
        "P10.h5",
        "GSM1_a_matrix.mtx.gz",
        "GSM1_a_features.tsv.gz",
    ]
    planned, _ = checked(*({"path": name, "url": URL} for name in names))

    def made(path):
        return [one.name for one in downloads.making(planned, path)]

    assert made("data/P10.h5") == ["P10.h5"]
    assert made("data/P1") == ["P1/matrix.mtx.gz", "P1/barcodes.tsv.gz"]
    assert made("data/GSM1_a") == made("data/GSM1_a_") == ["GSM1_a_matrix.mtx.gz", "GSM1_a_features.tsv.gz"]
    assert made("data/P") == made("data/P10") == made("elsewhere/P1") == []


# --- CELLxGENE ------------------------------------------------------------------------------------------

COLLECTION = "https://cellxgene.cziscience.com/collections/14dc301f-d4fb-4743-a590-aa88d5f1df1a"


def described(*titles):
    assets = [
        {
            "title": t,
            "assets": [{"filetype": "RDS", "url": f"x/{t}.rds"}, {"filetype": "H5AD", "url": f"x/{t}.h5ad"}],
        }
        for t in titles
    ]
    return json.dumps({"datasets": assets}).encode()


def test_the_page_of_a_collection_leads_to_its_h5ad():
    asked = {}

    def read(url):
        asked["url"] = url
        return described("cells")

    assert cellxgene.resolve(COLLECTION, read) == "x/cells.h5ad"
    assert asked["url"] == cellxgene.API + "14dc301f-d4fb-4743-a590-aa88d5f1df1a"
    assert cellxgene.resolve(URL, read) == URL


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (described("a", "b"), ["2 h5ad files", "a: x/a.h5ad", "b: x/b.h5ad"]),
        (described(), ["0 h5ad files"]),
        (b"<html>", ["unknown way", "Open the page"]),
        (b'{"datasets": [{}]}', ["unknown way", "Open the page"]),
    ],
)
def test_a_collection_that_does_not_tell_one_h5ad(answer, words):
    with pytest.raises(UserError) as caught:
        cellxgene.resolve(COLLECTION, lambda _: answer)
    for word in (COLLECTION, *words):
        assert word in str(caught.value)


def test_what_a_collection_says_is_asked_for_with_patience(server, tmp_path, said, monkeypatch):
    monkeypatch.setattr(cellxgene, "API", f"{server.url}/v1/")
    h5ad = b"\x89HDF\r\n\x1a\n" + bytes(100)
    answer = {"datasets": [{"title": "t", "assets": [{"filetype": "H5AD", "url": f"{server.url}/x.h5ad"}]}]}
    server.serve(f"/v1/{COLLECTION[-36:]}", json.dumps(answer).encode(), statuses=[503])
    server.serve("/x.h5ad", h5ad)
    one = Download("cells.h5ad", str(tmp_path / "cells.h5ad"), url=COLLECTION)
    receipt = provide.provide(one, mirror="", say=said.append, patience=IMPATIENT)
    assert (receipt["url"], receipt["source"]) == (COLLECTION, f"{server.url}/x.h5ad")
    assert (tmp_path / "cells.h5ad").read_bytes() == h5ad
