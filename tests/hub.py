"""A server on this machine that speaks what the client of the Hugging Face hub calls."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import yaml

TOKEN = "hf_local"
LARGE = (".zip", ".safetensors", ".png")


class HubServer(ThreadingHTTPServer):
    """Repositories in memory: files by repository and path.

    Attributes:
        repositories: The files of each repository, by path.
        private: Whether each was made private.
        objects: Large files by their SHA-256.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.private: dict[str, bool] = {}
        self.objects: dict[str, bytes] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def hub() -> Iterator[HubServer]:
    """Serve until the end of the context."""
    with HubServer() as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def hub(self) -> HubServer:
        assert isinstance(self.server, HubServer)
        return self.server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._json({"error": "Invalid credentials"}, 401)
            return
        path = self.path.partition("?")[0]
        if path == "/api/repos/create":
            asked = json.loads(body)
            name = "/".join(filter(None, [asked.get("organization"), asked["name"]]))
            self.hub.repositories.setdefault(name, {})
            self.hub.private[name] = asked.get("visibility") == "private" or bool(
                asked.get("private")
            )
            self._json({"url": f"{self.hub.url}/{name}"})
        elif path == "/api/validate-yaml":
            head = yaml.safe_load(json.loads(body)["content"].split("---")[1])
            named = isinstance(head, dict) and head["model-index"][0]["results"]
            errors = [] if named else [{"message": "no results"}]
            self._json({"errors": errors, "warnings": []})
        elif found := re.fullmatch(r"/api/models/(.+)/preupload/main", path):
            files = [
                {
                    "path": file["path"],
                    "uploadMode": "lfs" if file["path"].endswith(LARGE) else "regular",
                    "shouldIgnore": False,
                }
                for file in json.loads(body)["files"]
            ]
            self._json({"files": files})
        elif found := re.fullmatch(r"/(.+)\.git/info/lfs/objects/batch", path):
            objects = [
                one | {"actions": {"upload": {"href": f"{self.hub.url}/lfs/{one['oid']}"}}}
                for one in json.loads(body)["objects"]
            ]
            self._json({"transfer": "basic", "objects": objects})
        elif found := re.fullmatch(r"/api/models/(.+)/commit/main", path):
            files_of = self.hub.repositories[found[1]]
            for line in body.splitlines():
                entry = json.loads(line)
                value = entry["value"]
                if entry["key"] == "file":
                    files_of[value["path"]] = base64.b64decode(value["content"])
                elif entry["key"] == "lfsFile":
                    files_of[value["path"]] = self.hub.objects[value["oid"]]
            commit = {"commitOid": "0" * 40, "commitUrl": f"{self.hub.url}/{found[1]}/commit/0"}
            self._json(commit)
        else:
            self._json({"error": f"no such place {path}"}, 404)

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        oid = self.path.rpartition("/")[2]
        assert hashlib.sha256(content).hexdigest() == oid
        self.hub.objects[oid] = content
        self._json({})

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if found := re.fullmatch(r"/api/models/(.+)/tree/[^/]+", path):
            files = self.hub.repositories.get(found[1], {})
            listed = [
                {"type": "file", "path": name, "size": len(content), "oid": "0" * 40}
                for name, content in files.items()
            ]
            self._json(listed)
            return
        if found := re.fullmatch(r"/api/models/(.+?)(/revision/main)?", path):
            files = self.hub.repositories.get(found[1])
            if files is None:
                self._json({"error": "Repository not found"}, 404, "RepoNotFound")
                return
            siblings = [{"rfilename": name} for name in files]
            self._json({"id": found[1], "sha": "0" * 40, "siblings": siblings})
            return
        found = re.fullmatch(r"/([^/]+/[^/]+)/resolve/[^/]+/(.+)", path)
        content = found and self.hub.repositories.get(found[1], {}).get(found[2])
        if content is None:
            self._json({"error": "Entry not found"}, 404, "EntryNotFound")
            return
        self.send_response(200)
        self.send_header("X-Repo-Commit", "0" * 40)
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def do_HEAD(self) -> None:
        self.do_GET()

    def _json(self, value: object, code: int = 200, error: str = "") -> None:
        content = json.dumps(value).encode()
        self.send_response(code)
        if error:
            self.send_header("X-Error-Code", error)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        pass
