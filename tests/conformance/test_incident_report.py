"""A browser judges the incident's page: it has to be read there, at night, and ask nobody for anything.

The page is opened in a real headless Chromium from a file. The DOM that Chromium made of it has to say how the incident ended,
and the browser's own log of the network must not have one request beside that file. A picture is taken in both colour schemes,
so that a page that is blank is found. On a phone no text is too small and nothing is cut off, and in print all of it is there.
"""

import json
import re
import struct
import subprocess
import zlib
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from chromium import FLAGS, Page, found
from ours import Reconciler

ITS_OWN = {
    "accounts.google.com", "clients2.google.com", "update.googleapis.com", "www.google.com", "redirector.gvt1.com",
    "optimizationguide-pa.googleapis.com", "content-autofill.googleapis.com", "edgedl.me.gvt1.com",
}
def browser():
    if path := found():
        return path
    pytest.fail(
        "no Chromium: install it (Debian: apt-get install chromium), or set NO_BROWSER=1 to leave this test out by name"
    )


def open_in_browser(page, folder, *flags):
    command = [
        browser(), *FLAGS, f"--user-data-dir={folder / 'profile'}", f"--log-net-log={folder / 'net.json'}", *flags, page.as_uri(),
    ]
    done = subprocess.run(
        command, env={"HOME": str(folder), "PATH": "/usr/bin:/bin"}, capture_output=True, text=True, timeout=120, cwd=folder
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def requests(folder):
    """Every address that was asked for, according to the browser's own log, without those that it asks for by itself."""
    log = json.loads((folder / "net.json").read_text())
    asked = set()
    for event in log["events"]:
        parameters = event.get("params", {})
        if isinstance(parameters.get("url"), str):
            asked.add(parameters["url"])
    return {url for url in asked if (urlsplit(url).hostname or "") not in ITS_OWN}


def colours(picture):
    """How many colours the rows of a PNG have: 8 bits, RGB or RGBA, without interlace, which is what Chromium writes."""
    data = picture.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, packed, width, depth = 8, b"", 0, 0
    while at < len(data):
        (length,) = struct.unpack(">I", data[at:at + 4])
        kind, body = data[at + 4:at + 8], data[at + 8:at + 8 + length]
        if kind == b"IHDR":
            width, _, bits, colour = struct.unpack(">IIBB", body[:10])
            assert bits == 8
            depth = {2: 3, 6: 4}[colour]
        if kind == b"IDAT":
            packed += body
        at += length + 12
    rows = zlib.decompress(packed)
    line = width * depth + 1
    return len({rows[start:start + line] for start in range(0, len(rows), line)})


@pytest.fixture
def incident(serve, tmp_path):
    """The folder of an incident, and its record: everything of the drifted world that serves one control is restored."""
    reconcile = Reconciler(tmp_path, serve("drifted").url)
    told = reconcile("--output", "json", "restore", "--yes", "aws-genai-02").json
    assert told["incident"]["outcome"] == "restored", told["incident"]
    return Path(told["incident_folder"]), told["incident"]


def test_a_browser_shows_the_page_and_asks_nobody(incident, tmp_path):
    folder, record = incident
    page = folder / "incident.html"
    dom = open_in_browser(page, tmp_path, "--dump-dom")
    assert "Restored and verified" in dom and record["id"] in dom
    for one in record["addresses"]:
        assert one["drift"]["address"] in dom
    assert 'class="track"' in dom and "<script" not in dom
    others = {url for url in requests(tmp_path) if not url.startswith((page.as_uri(), "data:", "chrome:", "about:"))}
    assert not others, others


def test_the_log_of_the_browser_would_show_a_request(tmp_path):
    page = tmp_path / "asks.html"
    page.write_text('<!doctype html><img src="http://elsewhere.invalid/x.png">')
    open_in_browser(page, tmp_path, "--dump-dom")
    assert any("elsewhere.invalid" in url for url in requests(tmp_path))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_there_is_something_to_see_by_day_and_by_night(incident, tmp_path, scheme):
    folder, _ = incident
    picture = tmp_path / f"{scheme}.png"
    dark = ["--force-dark-mode", "--blink-settings=preferredColorScheme=0"] if scheme == "dark" else []
    open_in_browser(folder / "incident.html", tmp_path, f"--screenshot={picture}", "--window-size=1280,1600", *dark)
    assert colours(picture) > 300, "the page is nearly blank"


def test_a_name_of_an_attacker_is_text(incident, tmp_path):
    """The page as a browser reads it has no element that the report does not have, whatever is in the names."""
    folder, record = incident
    page = (folder / "incident.html").read_text()
    hostile = "&lt;img src=x onerror=alert(1)&gt;"
    changed = tmp_path / "hostile.html"
    changed.write_text(page.replace(record["id"], hostile))
    dom = open_in_browser(changed, tmp_path, "--dump-dom")
    assert "<img" not in dom and hostile.replace("&gt;", "").split(";")[0] in dom


PHONE = 360
SMALLEST = 11

TEXTS = """
(() => {
    const told = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const node = walker.currentNode;
        const range = document.createRange();
        range.selectNodeContents(node);
        const boxes = [...range.getClientRects()].filter(box => box.width > 0 && box.height > 0);
        if (!node.data.trim() || !boxes.length) continue;
        told.push({
            text: node.data.trim().slice(0, 60), size: parseFloat(getComputedStyle(node.parentElement).fontSize),
            right: Math.max(...boxes.map(box => box.right)), left: Math.min(...boxes.map(box => box.left)),
            lines: new Set(boxes.map(box => Math.round(box.top))).size, whole: !!node.parentElement.closest(".whole"),
        });
    }
    return told;
})()
"""

FOLDED = """
[...document.querySelectorAll("details.fold")].map(fold => {
    const body = fold.nextElementSibling;
    return {summary: fold.innerText, is_folded: body.className === "folded", height: body.offsetHeight, text: body.innerText.trim()};
})
"""


@pytest.fixture
def opened(incident, tmp_path):
    """Opens the page of the incident, at a width or in print."""
    browser()
    pages = []

    def open_at(width, media="screen"):
        pages.append(Page(incident[0] / "incident.html", tmp_path, width=width, media=media))
        return pages[-1]

    yield open_at
    for page in pages:
        page.close()


def test_on_a_phone_every_text_is_large_enough_and_nothing_is_cut_off(opened):
    page = opened(PHONE)
    assert page.tells("document.documentElement.scrollWidth") <= PHONE
    texts = page.tells(TEXTS)
    assert len(texts) > 200
    assert not [one for one in texts if one["size"] < SMALLEST], "too small"
    assert not [one for one in texts if one["right"] > PHONE + 0.5 or one["left"] < -0.5], "cut off"
    labels = page.tells("""[...document.querySelectorAll(".axis .label")].filter(one => one.offsetWidth).map(one => {
        const box = one.getBoundingClientRect(); return [box.top, box.left, box.right];
    })""")
    labels.sort()
    assert len(labels) > 3
    for (top, _, right), (next_top, left, _) in zip(labels, labels[1:]):
        assert top != next_top or right <= left, "two labels of the axis are on top of each other"


@pytest.mark.parametrize(("width", "media"), [(PHONE, "screen"), (1280, "screen"), (690, "print")])
def test_no_time_and_no_id_is_broken(opened, width, media):
    whole = [one for one in opened(width, media).tells(TEXTS) if one["whole"]]
    assert len(whole) > 50
    assert not [one for one in whole if one["lines"] != 1], (width, media)


def test_on_paper_all_is_there_that_is_folded_away_on_the_screen(opened, tmp_path):
    page = opened(690)
    screen = page.tells(FOLDED)
    page.as_media("print")
    paper = page.tells(FOLDED)
    assert len(paper) >= 3 and all(one["is_folded"] for one in paper)
    for on_screen, on_paper in zip(screen, paper):
        assert on_screen["height"] == 0, on_screen["summary"]
        assert on_paper["height"] > 10 and on_paper["text"] and on_paper["summary"], on_paper
    assert not [one for one in page.tells(TEXTS) if one["size"] < SMALLEST]
    page.pdf(tmp_path / "incident.pdf")
    pages = len(re.findall(rb"/Type\s*/Page\b(?!s)", (tmp_path / "incident.pdf").read_bytes()))
    resources = page.tells("document.querySelectorAll('.plot .row:not(.axis)').length")
    assert 1 < pages <= 8 + resources, f"{pages} pages for {resources} resources"


def test_who_and_what_come_before_what_is_to_be_done(opened):
    headings = opened(1280).tells("[...document.querySelectorAll('h2')].map(one => one.innerText)")
    places = [headings.index(one) for one in ("Timeline", "Who weakened it", "What was changed", "What is left to people")]
    assert places == sorted(places), headings
