"""The chat endpoint of the tests as a process of its own."""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path

SERVER = Path(__file__).with_name("chat_server.py")


class Endpoint:
    """The server's process and its address."""

    def __init__(self):
        self.process = subprocess.Popen([sys.executable, str(SERVER)], stdout=subprocess.PIPE, text=True)
        self.url = f"http://127.0.0.1:{int(self.process.stdout.readline())}/v1"

    def told(self, model):
        """Return what the server counted of a model."""
        with urllib.request.urlopen(f"{self.url}/calls/{model}") as answer:
            return json.load(answer)

    def end(self):
        """End the process."""
        self.process.kill()
        self.process.wait()
