"""A headless Chromium driven over its debugging protocol, by the websocket client that Bokeh's server brings along."""

import asyncio
import base64
import json
import os
import shutil
import subprocess
import urllib.request
from pathlib import Path
from tempfile import TemporaryDirectory

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Browser:
    """One tab; ``requests`` holds the address of everything it asked for."""

    def __enter__(self):
        self._loop = asyncio.new_event_loop()
        self._folder = TemporaryDirectory(ignore_cleanup_errors=True)
        profile = Path(self._folder.name)
        quiet = ["--headless=new", "--no-first-run", "--disable-gpu", "--disable-background-networking", "--mute-audio",
                 "--disable-component-update", "--disable-dev-shm-usage", "--hide-scrollbars"]  # fmt: skip
        # Chromium refuses its sandbox to root, as whom containers run.
        quiet += ["--no-sandbox"] * (getattr(os, "geteuid", lambda: 1)() == 0)
        self._process = subprocess.Popen(
            [CHROMIUM, *quiet, "--remote-debugging-port=0", f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._loop.run_until_complete(self._connect(profile / "DevToolsActivePort"))
        self.requests, self.errors = [], []
        for domain in ("Page", "Runtime", "Network"):
            self.send(f"{domain}.enable")
        return self

    def __exit__(self, *_):
        self._socket.close()
        self._process.terminate()
        self._process.wait(10)
        self._folder.cleanup()
        self._loop.close()

    async def _connect(self, file):
        from tornado.websocket import websocket_connect

        for _ in range(300):
            if file.exists() and file.read_text().count("\n"):
                break
            await asyncio.sleep(0.1)
        port = file.read_text().split()[0]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=10) as answer:
            [tab, *_] = [tab for tab in json.load(answer) if tab["type"] == "page"]
        self._socket = await websocket_connect(tab["webSocketDebuggerUrl"], max_message_size=2**28)
        self._count = 0

    def send(self, method, **params):
        """Return the result of one command."""

        async def talk():
            self._count += 1
            number = self._count
            await self._socket.write_message(json.dumps({"id": number, "method": method, "params": params}))
            while True:
                message = json.loads(await asyncio.wait_for(self._socket.read_message(), 60))
                if message.get("method") == "Network.requestWillBeSent":
                    self.requests.append(message["params"]["request"]["url"])
                if message.get("method") == "Network.webSocketCreated":
                    self.requests.append(message["params"]["url"])
                if message.get("method") == "Runtime.exceptionThrown":
                    self.errors.append(message["params"]["exceptionDetails"])
                if message.get("id") == number:
                    if "error" in message:
                        raise RuntimeError(message["error"])
                    return message["result"]

        return self._loop.run_until_complete(talk())

    def evaluate(self, script):
        """Return the value of JavaScript, a promise's once it is there."""
        found = self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in found:
            raise RuntimeError(found["exceptionDetails"]["exception"].get("description"))
        return found["result"].get("value")

    def open(self, url):
        """Open a page and wait until Bokeh has drawn it."""
        self.send("Page.navigate", url=url)
        self.wait("window.Bokeh && Bokeh.documents.length > 0 && Bokeh.documents[0].is_idle")

    def wait(self, script, seconds=20):
        """Wait until JavaScript is true."""
        waiting = f"""new Promise((done, fail) => {{
            const end = performance.now() + {1000 * seconds};
            const look = () => {{
                let found = false;
                try {{ found = {script} }} catch (error) {{}}
                if (found) done(true);
                else if (performance.now() > end) fail(new Error("waited in vain: " + {json.dumps(script)}));
                else setTimeout(look, 5);
            }};
            look();
        }})"""
        return self.evaluate(waiting)

    def look(self, width, height, dark=False, scale=1):
        """Take a width, a height, and light or dark."""
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale,
                  mobile=False)  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])

    def screenshot(self, path, whole=True):
        """Write a picture of the page."""
        data = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        Path(path).write_bytes(base64.b64decode(data))
