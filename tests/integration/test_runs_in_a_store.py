"""Runs in an object store: read from there as if they lay here, and nothing else of a store is taken or changed."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from bucket import KEY_ID, SECRET, Bucket, bucket
from commanded import Done, harness, in_process, write_replayed

from harness import load
from harness.journal import RunLock
from harness.rundir import JOURNAL, MANIFEST, list_runs

pytest.importorskip("obstore", reason="needs the extra `tables`")
ANSWERS = {("spam", "spam"): 5, ("spam", "ham"): 1, ("ham", "ham"): 6}


@pytest.fixture
def store() -> Iterator[Bucket]:
    with bucket() as found:
        yield found


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """Give a project in which something was measured."""
    there = tmp_path / "there"
    there.mkdir()
    write_replayed(there, ANSWERS, thresholds=["accuracy >= 80%"])
    return there


def other_machine(made: Path) -> Path:
    """Give the same project as it is elsewhere: without results."""
    return Path(shutil.copytree(made, made.parent / "here", ignore=shutil.ignore_patterns("results")))


def measured(made: Path, *options: str) -> Path:
    before = set(list_runs(made / "results"))
    done = in_process("run", "seed.suite.yml", "--quiet", *options, at=made)
    assert done.returncode in {0, 1, 3}, done.stderr
    (run,) = set(list_runs(made / "results")) - before
    return run


def at(root: Path, store: Bucket, *args: str) -> Done:
    done = in_process(*args, at=root, env=store.environment)
    assert SECRET not in done.stdout + done.stderr
    return done


def test_three_shards_in_a_store_are_merged(made: Path, store: Bucket) -> None:
    whole = in_process("run", "seed.suite.yml", "--quiet", "--json", at=made)
    shards = [store.upload(measured(made, "--shard", f"{n}/3"), f"b/ci/night {n}") for n in (1, 2, 3)]
    here = other_machine(made)
    done = at(here, store, "merge", "--json", *shards)
    assert done.returncode == whole.returncode, done.stderr
    report, expected = json.loads(done.stdout), json.loads(whole.stdout)
    assert report["complete"]
    for key in ("verdict", "headline", "planned_trials", "journalled_trials"):
        assert report[key] == expected[key]
    assert report["candidates"][0]["classification"] == expected["candidates"][0]["classification"]
    assert len(list_runs(here / "results")) == 4
    assert {method for method, _ in store.asked} == {"GET"}


def test_a_run_in_a_store_is_reported_and_exported_as_where_it_was_made(made: Path, store: Bucket) -> None:
    run = measured(made)
    address = store.upload(run, f"b/{run.name}")
    here = other_machine(made)
    done = at(here, store, "report", address, "--json")
    there = in_process("report", run.name, "--json", at=made)
    assert (done.returncode, json.loads(done.stdout)) == (there.returncode, json.loads(there.stdout))
    copy = Path("results", run.name)
    assert f"copied {address} to {copy}" in " ".join(done.stderr.split())
    assert all((here / copy / name).read_bytes() == (run / name).read_bytes() for name in (MANIFEST, JOURNAL))
    assert (here / copy / "report.html").is_file()
    done = at(here, store, "export", f"{address}/:v1@recorded", "--to", "csv")
    assert done.stdout == in_process("export", run.name, "--to", "csv", at=made).stdout
    assert f"is here already: {copy}" in " ".join(done.stderr.split())
    assert set(store.asked) == {("GET", f"b/{run.name}/{name}") for name in (MANIFEST, JOURNAL)}
    assert [each.name for each in (here / "results").iterdir()] == [run.name]


def test_python_loads_a_run_from_a_store(made: Path, store: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    run = measured(made)
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    loaded = load(store.upload(run, "b/x"), project=other_machine(made))
    assert loaded.verdict == load(run).verdict
    assert (made.parent / "here" / "results" / run.name / JOURNAL).read_bytes() == (run / JOURNAL).read_bytes()


@pytest.mark.parametrize("kind", ["gs", "az"])
def test_other_stores_are_read_likewise(made: Path, store: Bucket, kind: str) -> None:
    run = measured(made)
    address = store.upload(run, "b/nightly/x").replace("s3:", f"{kind}:")
    here = other_machine(made)
    done = at(here, store, "show", address, "--json")
    assert (done.returncode, json.loads(done.stdout)["run_id"]) == (0, run.name), done.stderr
    assert (here / "results" / run.name / JOURNAL).read_bytes() == (run / JOURNAL).read_bytes()


def test_a_command_that_reads_no_store_says_how_to_copy_a_run(made: Path) -> None:
    done = in_process("view", "s3://b/x", "--export", "pages", at=made)
    assert (done.returncode, "Copy it: `harness report ADDRESS`." in done.stderr) == (2, True), done.stderr


def test_a_run_is_compared_with_one_in_a_store(made: Path, store: Bucket) -> None:
    first, second = measured(made), measured(made)
    done = at(made, store, "compare", store.upload(first, "b/first"), second.name, "--json")
    here = in_process("compare", first.name, second.name, "--json", at=made)
    assert (done.returncode, done.stdout) == (here.returncode, here.stdout), done.stderr


def test_another_run_of_the_same_id_is_refused_and_neither_is_changed(made: Path, store: Bucket) -> None:
    run = measured(made)
    address = store.upload(run, "b/x")
    journal = (run / JOURNAL).read_bytes()
    shorter = journal[: journal.rstrip(b"\n").rindex(b"\n") + 1]
    store.objects[f"b/x/{JOURNAL}"] = shorter
    done = at(made, store, "report", address)
    assert (done.returncode, "differs from" in done.stderr) == (2, True)
    assert (run / JOURNAL).read_bytes() == journal
    assert store.objects[f"b/x/{JOURNAL}"] == shorter


def damaged(journal: bytes) -> bytes:
    return journal.replace(b'"spam"', b'"SPAM"', 1)


def doubled(journal: bytes) -> bytes:
    lines = journal.splitlines(keepends=True)
    return b"".join([*lines[:3], *lines[2:]])


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        (JOURNAL, damaged, f"s3://b/x/{JOURNAL}"),
        (JOURNAL, doubled, f"s3://b/x/{JOURNAL}"),
        (JOURNAL, lambda _: b"", f"s3://b/x/{JOURNAL} is empty"),
        (MANIFEST, lambda _: b"[" * 100_000, f"s3://b/x/{MANIFEST}"),
        (MANIFEST, lambda raw: raw.replace(b'"run_id": "', b'"run_id": "../../'), "can't name a folder"),
        (MANIFEST, lambda raw: raw.replace(b'"run_id": "', b'"run_id": "/tmp/'), "can't name a folder"),
        (MANIFEST, lambda raw: raw.replace(b'"run_id": "', b'"run_id": "\\u001b[2J'), "can't name a folder"),
    ],
)
def test_what_was_damaged_or_leads_elsewhere_leaves_nothing_here(
    made: Path, store: Bucket, name: str, change: object, told: str
) -> None:
    assert callable(change)
    run = measured(made)
    store.upload(run, "b/x")
    before = store.objects[f"b/x/{name}"]
    store.objects[f"b/x/{name}"] = change(before)
    assert store.objects[f"b/x/{name}"] != before
    here = other_machine(made)
    done = at(here, store, "report", "s3://b/x")
    assert (done.returncode, told in " ".join(done.stderr.split())) == (2, True), done.stderr
    assert list((here / "results").iterdir()) == []
    assert ".fetched" not in done.stderr


def test_a_manifest_larger_than_any_run_has_is_not_read(made: Path, store: Bucket) -> None:
    store.objects[f"b/x/{MANIFEST}"] = bytes((64 << 20) + 1)
    done = at(made, store, "report", "s3://b/x")
    assert (done.returncode, "larger than 67,108,864 bytes" in done.stderr) == (2, True), done.stderr


def test_what_a_killed_command_had_copied_is_swept_and_what_another_copies_is_not(made: Path, store: Bucket) -> None:
    address = store.upload(measured(made), "b/run")
    here = other_machine(made)
    for name in ("dead", "alive"):
        left = here / "results" / f".fetched-{name}" / "run"
        left.mkdir(parents=True)
        (left / JOURNAL).write_text("half of it")
        (left.parent / "copying.lock").touch()
    with RunLock(left.parent / "copying.lock"):
        assert at(here, store, "report", address).returncode in {0, 1, 3}
        assert [path.name for path in (here / "results").glob(".*")] == [".fetched-alive"]


def test_an_object_of_many_parts_arrives_whole(made: Path, store: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.cli.ground.stores._PART", 1000)
    run = measured(made)
    here = other_machine(made)
    assert at(here, store, "show", store.upload(run, "b/x"), "--json").returncode == 0
    assert (here / "results" / run.name / JOURNAL).read_bytes() == (run / JOURNAL).read_bytes()
    assert store.asked.count(("GET", f"b/x/{JOURNAL}")) == -(-len((run / JOURNAL).read_bytes()) // 1000)


class Growing(dict[str, bytes]):
    """Objects to which somebody adds between any two looks at them."""

    def get(self, name: str, default: object = None) -> bytes | None:
        raw = super().get(name)
        if raw is not None:
            self[name] = raw + b"\n"
        return raw


def test_an_object_that_changes_while_it_is_read_is_refused(
    made: Path, store: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.cli.ground.stores._PART", 1000)
    address = store.upload(measured(made), "b/x")
    store.objects = Growing(store.objects)
    done = at(made, store, "report", address)
    assert (done.returncode, f"{MANIFEST} changed while it was read" in done.stderr) == (2, True), done.stderr


def test_a_store_that_is_overloaded_is_not_taken_for_wrong_keys(made: Path, store: Bucket) -> None:
    store.overloaded = True
    done = at(made, store, "merge", "s3://b/x")
    assert (done.returncode, done.stderr.splitlines()) == (
        2,
        [f"error: s3://b/x/{MANIFEST}: the store answers with HTTP 503.", "  Try again later."],
    )


def test_what_is_not_there_or_not_given_is_told_with_the_fix(made: Path, store: Bucket) -> None:
    done = at(made, store, "merge", "s3://b/gone")
    assert (done.returncode, f"s3://b/gone/{MANIFEST} does not exist" in done.stderr) == (2, True)
    store.refused.add(f"b/secret/{MANIFEST}")
    done = at(made, store, "report", "s3://b/secret")
    assert (done.returncode, "the store refuses to give it" in done.stderr) == (2, True)
    assert "AWS_SECRET_ACCESS_KEY" in done.stderr


@pytest.mark.parametrize(
    "address",
    [
        f"s3://{KEY_ID}:{SECRET}@b/x",
        f"az://c/x?sv=1&sig={SECRET}",
        f"https://{SECRET}@example.invalid/x",
        "s3://b",
        "s3://b/",
        "file:///etc",
        "S3://b/x",
    ],
)
def test_what_is_no_address_of_a_run_is_refused_unread_and_not_repeated(
    made: Path, store: Bucket, address: str
) -> None:
    done = at(made, store, "report", address)
    assert (done.returncode, "not an address at which a run can be read" in done.stderr) == (2, True), done.stderr
    assert KEY_ID not in done.stderr
    assert store.asked == []


def test_a_path_that_climbs_is_refused(made: Path, store: Bucket) -> None:
    done = at(made, store, "report", "s3://b/x/../../y")
    assert (done.returncode, "can't be read" in done.stderr) == (2, True), done.stderr
    assert store.asked == []


def test_a_key_that_the_client_can_not_read_is_not_shown(made: Path) -> None:
    done = harness("report", "gs://b/x", at=made, env={"GOOGLE_SERVICE_ACCOUNT_KEY": json.dumps(SECRET)})
    assert (done.returncode, "GOOGLE_APPLICATION_CREDENTIALS" in done.stderr) == (2, True), done.stderr
    file = made / "key.json"
    file.write_text(json.dumps(SECRET))
    again = harness("report", "gs://b/x", at=made, env={"GOOGLE_APPLICATION_CREDENTIALS": str(file)})
    assert again.returncode == 2
    assert SECRET not in done.stdout + done.stderr + again.stdout + again.stderr


@pytest.mark.parametrize(
    ("address", "name", "value", "told"),
    [
        ("s3://b/x", "AWS_ENDPOINT_URL", "localhost:9000", "AWS_ENDPOINT_URL is no address of a server."),
        ("s3://b/x", "AWS_SECRET_ACCESS_KEY", f"{SECRET}\n", "AWS_SECRET_ACCESS_KEY holds a line break"),
        ("s3://b/x", "AWS_REGION", "é", "AWS_REGION holds a line break, or what is not ASCII"),
        ("gs://b/x", "GOOGLE_BEARER_TOKEN", f"{SECRET}\r", "GOOGLE_BEARER_TOKEN holds a line break"),
        ("az://b/x", "AZURE_STORAGE_ACCOUNT_NAME", "a\n", "AZURE_STORAGE_ACCOUNT_NAME holds a line break"),
        ("s3://b/x", "AWS_ENDPOINT_URL", "http://:::", "s3://b/x/manifest.json can't be read: obstore gave up."),
    ],
)
def test_a_slip_in_a_variable_is_named_and_ends_no_process(
    made: Path, store: Bucket, address: str, name: str, value: str, told: str
) -> None:
    store.environment[name] = value
    done = at(made, store, "report", address)
    assert (done.returncode, told in " ".join(done.stderr.split())) == (2, True), done.stderr


def test_a_store_that_can_not_be_reached_is_told_and_no_key_with_it(made: Path, store: Bucket) -> None:
    done = harness("report", "s3://b/x", at=made, env={**store.environment, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"})
    assert (done.returncode, "s3://b/x/manifest.json can't be read" in done.stderr) == (2, True), done.stderr
    assert SECRET not in done.stderr


def test_without_the_extra_it_is_named(made: Path, store: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    done = at(made, store, "report", "s3://b/x")
    assert (done.returncode, "needs obstore" in done.stderr) == (2, True), done.stderr
    assert "pip install" in done.stderr
