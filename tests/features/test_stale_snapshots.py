from pipeline.features.snapshot import drop_stale
from pipeline.outputs import write_json


def test_snapshots_of_replaced_events_go_and_the_others_stay(tmp_path):
    write_json(tmp_path / "events" / "_manifest.json", {"fingerprint": "new"})
    write_json(tmp_path / "scores" / "_manifest.json", {"as_of_us": 0})
    stand = ("20240101T000000Z", "old"), ("20240115T000000Z", "old"), ("20240201T000000Z", "new")
    for number, (name, events) in enumerate((*stand, ("20240301T000000Z", "new"))):
        write_json(tmp_path / "snapshots" / name / "_manifest.json", {"events": events, "as_of_us": number})
    (tmp_path / "snapshots" / "20240401T000000Z.partial-1").mkdir()  # of a run that was killed, on an earlier day
    drop_stale(tmp_path)
    left = sorted(path.name for path in (tmp_path / "snapshots").iterdir())
    assert left == ["20240101T000000Z", "20240201T000000Z", "20240301T000000Z"]  # of the first are the scores
