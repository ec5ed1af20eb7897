"""What the checks of this folder share: a kernel started as Jupyter starts it, its five channels, one line per check.

Each file of checks runs as: python3 FILE PROGRAM [ARGUMENT]...     (the command that starts the kernel, without "jupyter CONNECTION_FILE")
Times are printed in milliseconds; the caller decides what is too slow.
"""
import os
import queue
import subprocess
import sys
import tempfile
import time

from jupyter_client import BlockingKernelClient, write_connection_file

COMMAND = sys.argv[1:]
failed = []


def check(name, holds, detail=""):
    print(("ok   " if holds else "FAIL ") + name + (f": {detail}" if detail != "" else ""), flush=True)
    if not holds:
        failed.append(name)


def finish():
    print("failed: " + ", ".join(failed) if failed else "all passed", flush=True)
    sys.exit(1 if failed else 0)


def ms(since):
    return round((time.time() - since) * 1000)


def connection_file():
    file = os.path.join(tempfile.mkdtemp(), "kernel.json")
    write_connection_file(file)
    return file


class Kernel:
    def __init__(self):
        self.file = connection_file()
        self.started = time.time()
        self.process = subprocess.Popen(COMMAND + ["jupyter", self.file])
        self.client = self.connect()

    def connect(self):
        client = BlockingKernelClient(connection_file=self.file)
        client.load_connection_file()
        client.start_channels()
        # Not wait_for_ready: it takes a machine under load for a dead kernel after one second without a heartbeat.
        client.kernel_info()
        while client.get_shell_msg(timeout=120)["msg_type"] != "kernel_info_reply":
            pass
        # iopub is connected when something arrives there.
        while True:
            try:
                client.get_iopub_msg(timeout=1)
                return client
            except queue.Empty:
                client.kernel_info()
                client.get_shell_msg(timeout=120)

    def run(self, code, client=None, timeout=60, on_input=None):
        """All iopub messages of a cell and its reply."""
        client = client or self.client
        started = time.time()
        mid = client.execute(code, allow_stdin=on_input is not None)
        seen = []
        while True:
            if on_input is not None:
                try:
                    client.input(on_input(client.get_stdin_msg(timeout=0.1)["content"]))
                except queue.Empty:
                    pass
            try:
                message = client.get_iopub_msg(timeout=0.2 if on_input else timeout)
            except queue.Empty:
                if time.time() - started > timeout:
                    raise
                continue
            if message["parent_header"].get("msg_id") != mid:
                continue
            message["at"] = time.time() - started
            seen.append(message)
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                break
        while True:
            reply = client.get_shell_msg(timeout=timeout)
            if reply["parent_header"].get("msg_id") == mid:
                return seen, reply, ms(started)

    def answer(self, request, *arguments):
        """The content of the reply to a request of the client, and the milliseconds it took."""
        started = time.time()
        mid = request(*arguments)
        while True:
            message = self.client.get_shell_msg(timeout=60)
            if message["parent_header"].get("msg_id") == mid:
                return message["content"], ms(started)


def kinds(seen):
    return [m["msg_type"] for m in seen if m["msg_type"] not in ("status", "execute_input")]
