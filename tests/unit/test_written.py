"""What is kept beside outputs: their hashes; and what a killed job left of them is taken away."""

from carpeak import written


def test_what_a_killed_job_left_is_taken_away_and_nothing_else(tmp_path):
    names = [".tmp-123-a.tsv", ".tmp-9-b-a.tsv", ".tmp-x-a.tsv", "a.tsv", "b-a.tsv"]
    for name in names:
        (tmp_path / name).write_text("x")
    written.forget([tmp_path / "a.tsv", tmp_path / "nowhere/c.tsv"])
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names[1:])
