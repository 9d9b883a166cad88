"""A chat endpoint in a process of its own, whose faults go by the name of the model it is asked for.

It likes the longer response, and says so as a word, as ``[[A]]`` or as log-probabilities. ``python chat_server.py``
prints its port; GET /calls/MODEL says how often a model was asked.
"""

import json
import os
import re
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CALLS, LOCK = Counter(), threading.Lock()
ASKED = re.compile(r"\[Response A\]\n(.*?)\n\n\[Response B\]\n(.*?)\n\nWhich", re.S)


class Handler(BaseHTTPRequestHandler):
    """One request: a verdict, or a fault."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Say nothing."""

    def do_GET(self):
        model = self.path.rpartition("/")[2]
        self._send(200, {"calls": CALLS[model], "most": CALLS[f"{model} at once, most"]})

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        model = asked["model"]
        with LOCK:
            CALLS[model] += 1
            call = CALLS[model]
            now = f"{model} at once"
            CALLS[now] += 1
            CALLS[f"{now}, most"] = max(CALLS[f"{now}, most"], CALLS[now])
        try:
            self._answer(asked, model, call)
        finally:
            with LOCK:
                CALLS[now] -= 1

    def _answer(self, asked, model, call):
        a, b = ASKED.search(asked["messages"][-1]["content"]).groups()
        verdict = "tie" if len(a) == len(b) else "A" if len(a) > len(b) else "B"
        if model == "first":
            verdict = "A"
        if model == "slow" and call == 1:
            time.sleep(1.5)
        if model == "busy":
            time.sleep(0.1)
        if model == "limited" and call <= 2:
            return self._send(429, {"error": {"message": "too many requests"}}, {"Retry-After": "0.3"})
        if model == "at-once" and call <= 3:
            return self._send(429, {"error": "too many requests"}, {"Retry-After": "0"})
        if model == "dripping":
            return self._drip(b" " * 8)
        if model == "closed":
            return self._send(429, {"error": {"message": "come back tomorrow"}}, {"Retry-After": "86400"})
        if model == "flaky" and call <= 2:
            return self._send(503, {"error": "overloaded"})
        if model == "failing":
            return self._send(500, {"error": {"message": "out of memory"}})
        if model == "unknown":
            return self._send(404, {"error": {"message": "no model of that name"}})
        if model == "locked" and self.headers.get("Authorization") != "Bearer secret-of-the-test":
            return self._send(401, {"error": {"message": "invalid key"}})
        if model == "cut-body" and call == 1:
            return self._send(200, {"choices": []}, {"Content-Length": "9999", "Connection": "close"})
        if model == "html" and call == 1:
            return self._send(200, "<html>gateway</html>")
        if model == "dies" and call > 3:
            os._exit(1)
        if model == "rambling":
            return self._send(200, self._reply(asked, "Well, that depends on what", "length"))
        if model == "empty":
            return self._send(200, {"choices": []})
        if model == "reasoning":
            return self._send(200, self._reply(asked, f"[[A]] is fine but on balance: [[{verdict}]]"))
        self._send(200, self._reply(asked, verdict))

    def _reply(self, asked, said, reason="stop"):
        choice = {"message": {"role": "assistant", "content": said}, "finish_reason": reason}
        if asked.get("logprobs"):
            likely = {"A": (-0.1, -2.5), "B": (-2.5, -0.1), "tie": (-1.0, -1.0)}[said]
            top = [("A", likely[0]), (" B", likely[1]), ("The", -4.0)]
            token = {"token": said, "top_logprobs": [{"token": t, "logprob": p} for t, p in top]}
            choice["logprobs"] = {"content": [token]}
        found = {"choices": [choice]}
        if asked["model"] in ("uncounted", "miscounted"):
            return found if asked["model"] == "uncounted" else found | {"usage": {"tokens": []}}
        return found | {"usage": {"total_tokens": 50}}

    def _drip(self, data):
        """A byte now and then, which keeps every wait short and the answer away."""
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        for byte in data:
            time.sleep(0.1)
            try:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
            except OSError:  # nobody waits any more
                self.close_connection = True
                return

    def _send(self, code, body, headers=None):
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        headers = {"Content-Length": str(len(data))} | (headers or {})
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)
        if headers.get("Connection") == "close":
            self.close_connection = True


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(server.server_port, flush=True)
    server.serve_forever()
