"""Drives the Jupyter kernel over its five channels with Jupyter's own client and prints one line per check.

usage: python3 wire.py PROGRAM [ARGUMENT]...     (the command that starts the kernel, without "jupyter CONNECTION_FILE")
Times are printed in milliseconds; the caller decides what is too slow.
"""
import os
import queue
import signal
import subprocess
import sys
import tempfile
import time

from jupyter_client import BlockingKernelClient, write_connection_file

failed = []


def check(name, holds, detail=""):
    print(("ok   " if holds else "FAIL ") + name + (f": {detail}" if detail != "" else ""), flush=True)
    if not holds:
        failed.append(name)


def ms(since):
    return round((time.time() - since) * 1000)


class Kernel:
    def __init__(self):
        self.file = os.path.join(tempfile.mkdtemp(), "kernel.json")
        write_connection_file(self.file)
        self.started = time.time()
        self.process = subprocess.Popen(sys.argv[1:] + ["jupyter", self.file])
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


def kinds(seen):
    return [m["msg_type"] for m in seen if m["msg_type"] not in ("status", "execute_input")]


k = Kernel()
check("ready", True, ms(k.started))
seen, reply, took = k.run("1 + 1")
check("first answer", reply["content"]["status"] == "ok", ms(k.started))
check("result", seen[2]["content"]["data"] == {"text/plain": "2"} if len(seen) > 2 else False)
times = sorted(k.run(f"var v{i} = new[] {{ {i} }}.Select(x => x * 2).ToList(); v{i}")[2] for i in range(15))
check("warm cell", True, times[len(times) // 2])

seen, reply, _ = k.run('Console.Write("a"); await Task.Delay(700); Console.Write("b");')
streams = [m for m in seen if m["msg_type"] == "stream"]
check("text arrives while the cell runs", len(streams) == 2 and streams[1]["at"] - streams[0]["at"] > 0.4)
seen, reply, _ = k.run('var d = display("0"); d.Update("1"); Console.Error.WriteLine("e"); HTML("<b>x</b>")')
check("kinds of output", kinds(seen) == ["display_data", "update_display_data", "stream", "execute_result"], kinds(seen))
shown = [m for m in seen if "transient" in m["content"]]
check("update names its display", len({m["content"]["transient"]["display_id"] for m in shown}) == 1)
seen, reply, _ = k.run('"""{"data":[],"layout":{}}""".DisplayAs("application/vnd.plotly.v1+json");')
check("JSON types hold objects", isinstance(seen[2]["content"]["data"]["application/vnd.plotly.v1+json"], dict))
seen, reply, _ = k.run('[System.Runtime.InteropServices.DllImport("libc")] static extern int puts(string s); puts("native");')
check("native text", "native\n" in "".join(m["content"].get("text", "") for m in seen if m["msg_type"] == "stream"))
seen, reply, _ = k.run('var big = new string(\'x\', 20_000_000); HTML(big)', timeout=120)
check("a result of 20 MB", len(seen[2]["content"]["data"]["text/html"]) == 20_000_000)
seen, reply, _ = k.run('"emoji \U0001F600".Length')
check("text beyond 16 bit", seen[2]["content"]["data"]["text/plain"] == "8")

seen, reply, _ = k.run('\nint F() => throw new Exception("boom");\nF();')
error = [m for m in seen if m["msg_type"] == "error"][0]["content"]
check("error names line and cell", any("line 2" in line for line in error["traceback"]) and error["evalue"] == "boom", reply["content"]["status"])
ids = [k.client.execute(code) for code in ("throw new Exception(\"x\");", "1", "2")]
replies = {}
while len(replies) < 3:
    message = k.client.get_shell_msg(timeout=60)
    replies[message["parent_header"].get("msg_id")] = message["content"]["status"]
check("run all stops at an error", [replies[i] for i in ids] == ["error", "aborted", "aborted"], [replies[i] for i in ids])
check("the next cell runs", k.run("1")[1]["content"]["status"] == "ok")

seen, reply, _ = k.run('var name = await Microsoft.DotNet.Interactive.Kernel.GetInputAsync("who?"); name.Length', on_input=lambda asked: "abcd" if asked["prompt"] == "who?" else "")
check("input", any(m["content"].get("data", {}).get("text/plain") == "4" for m in seen))


def answer(request, *arguments):
    started = time.time()
    mid = request(*arguments)
    while True:
        message = k.client.get_shell_msg(timeout=60)
        if message["parent_header"].get("msg_id") == mid:
            return message["content"], ms(started)


k.run("var numbers = new List<int> { 1 };")
content, took = answer(k.client.complete, "/* \U0001F600 */ numbers.Sele", 20)
check("completion", content["matches"] == ["Select", "SelectMany"] and (content["cursor_start"], content["cursor_end"]) == (16, 20), (content["matches"][:3], took))
content, took = answer(k.client.complete, "num", 3)
check("completion of a variable", "numbers" in content["matches"], took)
content, took = answer(k.client.complete, "Enumerable.Range(0, 3).Where(x => x.Comp", 40)
check("completion in a lambda", content["matches"] == ["CompareTo"], (content["matches"], took))
content, took = answer(k.client.inspect, "numbers.Add(", 12)
check("inspection", "List<int>.Add(int item)" in content["data"].get("text/plain", ""), content["data"])
content, _ = answer(k.client.is_complete, "for (;;) {")
check("incomplete code", content["status"] == "incomplete")

for code, limit in (("while (true) { }", 1500), ("System.Threading.Thread.Sleep(20000);", 1500)):
    mid = k.client.execute(code)
    time.sleep(1)
    content, took = answer(k.client.complete, "num", 3)
    check("completion while a cell runs", "numbers" in content["matches"], took)
    started = time.time()
    k.client.control_channel.send(k.client.session.msg("interrupt_request", {}))
    while True:
        message = k.client.get_shell_msg(timeout=60)
        if message["parent_header"].get("msg_id") == mid:
            break
    check("interrupt of " + code, message["content"]["ename"] == "Interrupted", ms(started))
check("variables stay", k.run("numbers.Count")[1]["content"]["status"] == "ok")

second = k.connect()
seen, reply, _ = k.run("numbers.Count + 41", client=second)
check("a second client shares the session", any(m["content"].get("data", {}).get("text/plain") == "42" for m in seen))
twice = subprocess.run(sys.argv[1:] + ["jupyter", k.file], capture_output=True, text=True)
check("the same connection file twice is refused", twice.returncode == 2 and "another kernel" in twice.stderr, twice.stderr.strip())

started = time.time()
k.client.shutdown()
k.process.wait(20)
check("shutdown", k.process.returncode == 0, ms(started))

# A server that is killed leaves no kernel behind.
server = subprocess.Popen([sys.executable, "-c", f"""
import os, subprocess, sys, time
p = subprocess.Popen({sys.argv[1:]!r} + ["jupyter", {write_connection_file()[0]!r}], stdout=subprocess.DEVNULL, env=dict(os.environ, JPY_PARENT_PID=str(os.getpid())))
print(p.pid, flush=True)
time.sleep(60)
"""], stdout=subprocess.PIPE, text=True)
orphan = int(server.stdout.readline())
time.sleep(5)
with open(f"/proc/{orphan}/stat") as stat:
    check("the kernel lives while its server does", stat.read().rsplit(")", 1)[1].split()[0] != "Z")
server.send_signal(signal.SIGKILL)
server.wait()
started = time.time()
while time.time() - started < 20:
    try:
        os.kill(orphan, 0)
        with open(f"/proc/{orphan}/stat") as stat:
            if stat.read().rsplit(")", 1)[1].split()[0] == "Z":
                break
    except (ProcessLookupError, FileNotFoundError):
        break
    time.sleep(0.05)
else:
    os.kill(orphan, 9)
check("no orphan after the server was killed", time.time() - started < 20, ms(started))
print("failed: " + ", ".join(failed) if failed else "all passed", flush=True)
sys.exit(1 if failed else 0)
