"""Run IntuneCD's backup with its traffic turned to a sandbox. Executed by the peer's own interpreter, never imported by ours.

IntuneCD goes through `requests`, directly and through MSAL; only the host of each address changes.
"""

import os
import sys

import requests

HOSTS = ("https://graph.microsoft.com", "https://login.microsoftonline.com", "https://login.microsoft.com")
_send = requests.Session.request


def _reroute(self: requests.Session, method: str, url: str, *args: object, **options: object) -> requests.Response:
    for host in HOSTS:
        if url.startswith(host):
            url = os.environ["SANDBOX_URL"] + url[len(host) :]
    return _send(self, method, url, *args, **options)  # type: ignore[arg-type]


requests.Session.request = _reroute  # type: ignore[method-assign, assignment]

if __name__ == "__main__":
    from IntuneCD.run_backup import start  # type: ignore[import-not-found]

    sys.argv = ["IntuneCD-startbackup", *sys.argv[1:]]
    start()
