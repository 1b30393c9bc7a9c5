"""PyYAML reads YAML 1.1, where `no` is a truth and `1:30` a number: it must take what `export` prints for what its JSON says."""

import yaml

import ours
import world

# Words, numbers, days and signs that one reader or another takes for something else than text.
ODD = [
    "yes", "No", "on", "OFF", "y", "n", "true", "null", "1_000", "012", "1:30", "12:30:45", "0x1f", "0o17", "0b11", "1e3", "1.",
    ".5", "-.inf", ".NaN", "+12", "2026-01-02", "2026-01-02 03:04:05", "=", "@at", "`tick`", "%x", "!tag", "&anchor", "*alias", "- dash",
    "? ask", ": colon", "trailing:", "a: b", "a #b", "[list]", "{map}", "'single'", '"double"', "|", ">", "#hash", "---", "...", "a\tb", "é~",
]


def test_an_older_reader_takes_every_text_for_the_same(serve, tmp_path):
    emulator = serve()
    bedrock = emulator.client("bedrock", world.MANAGEMENT)
    words = [{"text": text, "inputAction": "BLOCK", "outputAction": "BLOCK", "inputEnabled": True, "outputEnabled": True} for text in ODD]
    bedrock.create_guardrail(
        name="odd",
        description="yes",
        blockedInputMessaging="1:30",
        blockedOutputsMessaging="two\nlines: no\n",
        wordPolicyConfig={"wordsConfig": words},
        tags=[{"key": "on", "value": "off"}],
    )
    reconciler = ours.Reconciler(tmp_path, emulator.url)
    narrowed = ("export", "--address", f"management/{world.REGION}/guardrail/odd")
    told = reconciler("--output", "json", *narrowed)
    written = reconciler(*narrowed)
    assert (told.exit, written.exit) == (0, 0), (str(told), str(written))
    [declared] = [one for one in told.json["declarations"] if one["name"] == "odd"]
    [read] = [one for one in yaml.safe_load_all(written.stdout) if one]
    assert read["spec"] == declared["spec"]
    assert sorted(word["text"] for word in read["spec"]["wordPolicy"]["words"]) == sorted(ODD)
    assert read["spec"]["tags"] == [{"key": "on", "value": "off"}]
