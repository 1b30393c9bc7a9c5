"""A headless Chromium that is asked by its own protocol, over two pipes: what it made of a page, at a width, in print.

The page is judged as it was written: nothing is put into it, and its policy that forbids scripts stays. The protocol is
JSON with a NUL at the end (--remote-debugging-pipe), so that no port is open and no library is needed.
"""

import base64
import json
import os
import shutil
import subprocess

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    # The browser asks its makers for updates and the time whatever it is told; nothing is found, and nothing leaves.
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars", "--disable-extensions",
)


def found():
    """The path of the browser; `None` where there is none."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


class Page:
    """One page in a browser of its own; ends with the `with` block."""

    def __init__(self, page, folder, width=1280, height=900, media="screen", scheme="light"):
        self.asked = 0
        self.events = []
        # The browser reads at descriptor 3 and writes at descriptor 4.
        down, self.down = os.pipe()
        self.up, up = os.pipe()
        command = " ".join(['exec "$0" "$@"', f"3<&{down}", f"4>&{up}"])
        arguments = [found(), *FLAGS, "--remote-debugging-pipe", f"--user-data-dir={folder / 'profile-cdp'}", "about:blank"]
        self.process = subprocess.Popen(
            ["/bin/bash", "-c", command, *arguments], pass_fds=(down, up), cwd=folder,
            env={"HOME": str(folder), "PATH": "/usr/bin:/bin"}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        os.close(down)
        os.close(up)
        self.reader = os.fdopen(self.up, "rb")
        self.rest = b""
        try:
            targets = self._call("Target.getTargets", {})["targetInfos"]
            target = next(one["targetId"] for one in targets if one["type"] == "page")
            self.session = self._call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
            self("Page.enable")
            self("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 800)
            self.as_media(media, scheme)
            self("Page.navigate", url=page.as_uri())
            while not any(one.get("method") == "Page.loadEventFired" for one in self.events):
                self._take()
        except BaseException:
            self.close()
            raise

    def as_media(self, media, scheme="light"):
        """On the screen or in print, by day or by night."""
        self("Emulation.setEmulatedMedia", media=media, features=[{"name": "prefers-color-scheme", "value": scheme}])

    def __call__(self, method, **parameters):
        return self._call(method, parameters, self.session)

    def tells(self, script):
        """The value of an expression in the page."""
        told = self("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    def picture(self, path):
        """The whole page."""
        taken = self("Page.captureScreenshot", captureBeyondViewport=True, format="png")
        path.write_bytes(base64.b64decode(taken["data"]))

    def pdf(self, path):
        """The page in print, on A4."""
        self.as_media("print")
        printed = self("Page.printToPDF", paperWidth=8.27, paperHeight=11.69, printBackground=True)
        path.write_bytes(base64.b64decode(printed["data"]))

    def _call(self, method, parameters, session=None):
        self.asked += 1
        asked = {"id": self.asked, "method": method, "params": parameters}
        if session:
            asked["sessionId"] = session
        os.write(self.down, json.dumps(asked).encode() + b"\0")
        while (answer := self._take()).get("id") != self.asked:
            pass
        assert "error" not in answer, answer
        return answer["result"]

    def _take(self):
        while b"\0" not in self.rest:
            part = self.reader.read1(1 << 20)
            assert part, "the browser ended"
            self.rest += part
        one, self.rest = self.rest.split(b"\0", 1)
        told = json.loads(one)
        if "method" in told:
            self.events.append(told)
        return told

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Ends the browser, by its own handle."""
        os.close(self.down)
        self.reader.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
