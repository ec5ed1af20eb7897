"""What VS Code and JupyterLab ask of a kernel that is not Python's, as their sources have it (microsoft/vscode-jupyter: kernelProcess,
rawSocket, rawKernelConnection; jupyterlab: services/kernel/validate, codemirror/language; jupyter-widgets/ipywidgets: manager). They
cannot be run here; their messages can.
"""
import datetime
import hashlib
import hmac
import json
import os
import socket
import subprocess
import tempfile
import time
import uuid

import zmq

from kernel import COMMAND, check, finish, ms

# The kernelspec, and a start as VS Code does it: no Python, no JPY_PARENT_PID, the environment of a desktop program, a path with a blank.
home = tempfile.mkdtemp(prefix="a home ")
os.environ["JUPYTER_DATA_DIR"] = home
subprocess.run(COMMAND + ["install"], check=True, stdout=subprocess.DEVNULL)
folder = os.path.join(home, "kernels", ".net-csharp")
with open(os.path.join(folder, "kernel.json")) as file:
    spec = json.load(file)
placeholders = [one for one in spec["argv"] if "{connection_file}" in one]
check("kernelspec: one argument is the connection file", placeholders == ["{connection_file}"] and spec["argv"][0] not in placeholders, spec["argv"])
check("kernelspec: its program has a full path", os.path.isabs(spec["argv"][0]) and os.access(spec["argv"][0], os.X_OK))
check("kernelspec: names and language", spec["language"] == "C#" and spec["display_name"] and spec["interrupt_mode"] == "message")
check("kernelspec: no debugger", spec["metadata"].get("debugger") is False)
check("kernelspec: the environment finds .NET", all(isinstance(value, str) for value in spec.get("env", {}).values()) and os.path.isdir(os.path.join(spec.get("env", {}).get("DOTNET_ROOT", "nowhere"), "host", "fxr")), spec.get("env"))

ports = []
for _ in range(5):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        ports.append(free.getsockname()[1])
CHANNELS = ("shell", "iopub", "stdin", "control", "hb")
connection = {f"{channel}_port": port for channel, port in zip(CHANNELS, ports)}
connection |= {"ip": "127.0.0.1", "transport": "tcp", "key": str(uuid.uuid4()), "signature_scheme": "hmac-sha256", "kernel_name": ".net-csharp"}
connection_file = os.path.join(home, "kernel-v2-1a2b.json")
with open(connection_file, "w") as file:
    json.dump(connection, file)
started = time.time()
kernel = subprocess.Popen([one.replace("{connection_file}", connection_file) for one in spec["argv"]], cwd=home,
                          env={"HOME": home, "PATH": "/nowhere", "JUPYTER_DATA_DIR": home} | spec.get("env", {}), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def port_is_used(channel):
    """VS Code waits so for the shell and iopub ports: it connects and hangs up."""
    while time.time() - started < 60:
        try:
            socket.create_connection(("127.0.0.1", connection[f"{channel}_port"])).close()
            return True
        except ConnectionRefusedError:
            time.sleep(0.05)
    return False


check("the ports come to be used", port_is_used("shell") and port_is_used("iopub"), ms(started))
with socket.create_connection(("127.0.0.1", connection["shell_port"])) as stranger:
    stranger.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" + b"x" * 100)

# One routing id for shell, control and stdin; iopub subscribed to everything.
context, routing, client_session, user = zmq.Context(), str(uuid.uuid4()).encode(), str(uuid.uuid4()), str(uuid.uuid4())
sockets = {}
for channel in CHANNELS[:-1]:
    sockets[channel] = context.socket(zmq.SUB if channel == "iopub" else zmq.DEALER)
    if channel == "iopub":
        sockets[channel].subscribe(b"")
    else:
        sockets[channel].setsockopt(zmq.ROUTING_ID, routing)
    sockets[channel].connect(f"tcp://127.0.0.1:{connection[f'{channel}_port']}")


def sign(parts):
    return hmac.new(connection["key"].encode(), b"".join(parts), hashlib.sha256).hexdigest().encode()


def send(kind, content, channel="shell", metadata=None, raw=None):
    mid = str(uuid.uuid4())
    header = {"msg_id": mid, "username": user, "session": client_session, "msg_type": kind, "version": "5.2", "date": datetime.datetime.now().isoformat() + "Z"}
    parts = [json.dumps(part).encode() for part in (header, {}, metadata or {}, content)]
    if raw is not None:
        parts[3] = raw
    sockets[channel].send_multipart([b"<IDS|MSG>", sign(parts)] + parts)
    return mid


HEADER = ("username", "version", "session", "msg_id", "msg_type")
FIELDS = {"stream": {"name": str, "text": str}, "display_data": {"data": dict, "metadata": dict}, "update_display_data": {"data": dict, "metadata": dict},
          "execute_input": {"code": str, "execution_count": int}, "execute_result": {"execution_count": int, "data": dict, "metadata": dict},
          "error": {"ename": str, "evalue": str, "traceback": list}, "status": {"execution_state": str}, "comm_close": {"comm_id": str}}
invalid, sessions = [], set()


def receive(channel, timeout):
    """A message as JupyterLab takes it, which validates each and drops those of a session other than kernel_info_reply's; or None."""
    if not sockets[channel].poll(timeout * 1000):
        return None
    frames = sockets[channel].recv_multipart()
    at = frames.index(b"<IDS|MSG>")
    header, parent, metadata, content = (json.loads(part) for part in frames[at + 2:at + 6])
    faults = [f"header.{name}" for name in HEADER if not isinstance(header.get(name), str)]
    faults += [name for name, value in (("parent_header", parent), ("metadata", metadata), ("content", content)) if not isinstance(value, dict)]
    if channel == "iopub":
        faults += [f"content.{name}" for name, kind in FIELDS[header["msg_type"]].items() if not isinstance(content.get(name), kind)]
        if header["msg_type"] == "status" and content["execution_state"] not in ("starting", "idle", "busy"):
            faults.append(content["execution_state"])
    if frames[at + 1] != sign(frames[at + 2:at + 6]):
        faults.append("signature")
    if header["msg_type"] != "kernel_info_reply" and not datetime.datetime.fromisoformat(header["date"].replace("Z", "+00:00")).tzinfo:
        faults.append("date")
    invalid.extend(f"{header['msg_type']}: {fault}" for fault in faults)
    sessions.add(header["session"])
    return {"type": header["msg_type"], "parent": parent.get("msg_id"), "content": content}


def ask(kind, content, channel="shell", seconds=60, reply=True, **more):
    """The content of the reply on the channel of the request, and what came on iopub until the kernel was idle after it."""
    mid, content, seen, until = send(kind, content, channel, **more), None, [], time.time() + seconds
    while time.time() < until and ((reply and content is None) or not any(m["type"] == "status" and m["content"]["execution_state"] == "idle" for m in seen)):
        message = receive("iopub", 0.02)
        if message and message["parent"] == mid:
            seen.append(message)
        message = receive(channel, 0.02)
        if message and message["parent"] == mid:
            content = message["content"]
            if message["type"] != kind.replace("_request", "_reply"):
                invalid.append(f"{kind} on {channel} is answered by {message['type']}")
    return content, seen


# The first request is lost on iopub where the subscription was not there yet: both front ends ask again.
info = {}
for _ in range(20):
    info, seen = ask("kernel_info_request", {}, seconds=2)
    if seen:
        break
check("kernel_info: busy and idle reach iopub", [m["content"]["execution_state"] for m in seen if m["type"] == "status"] == ["busy", "idle"], ms(started))
language = info["language_info"]
check("kernel_info: fields", all(isinstance(info.get(name), str) for name in ("protocol_version", "implementation", "implementation_version", "banner"))
      and isinstance(info["help_links"], list) and info["status"] == "ok" and info.get("debugger") is False and "debugger" not in info.get("supported_features", []))
check("kernel_info: language", (language["name"], language["file_extension"], language["mimetype"], language["pygments_lexer"]) == ("C#", ".cs", "text/x-csharp", "csharp"), language)


def jupyterlab_finds_the_mode(mode):
    """JupyterLab looks for a mode's name, then for its media type; what it does not find is plain text."""
    name, mime = (mode, mode) if isinstance(mode, str) else (mode.get("name"), mode.get("mime"))
    return (name or "").lower() in ("c#", "csharp", "cs") or mime == "text/x-csharp"


check("kernel_info: JupyterLab finds the highlighting", jupyterlab_finds_the_mode(language["codemirror_mode"]), language["codemirror_mode"])
content, seen = ask("kernel_info_request", {}, channel="control")
check("kernel_info on control", content == info and len(seen) == 2)

content, seen = ask("execute_request", {"code": "int x = 20;\nx + 1", "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": True, "stop_on_error": False},
                    metadata={"deletedCells": [], "recordTiming": True, "cellId": "a"})
check("execute", content["status"] == "ok" and content["execution_count"] == 1 and content["payload"] == [] and content["user_expressions"] == {}
      and [m["type"] for m in seen] == ["status", "execute_input", "execute_result", "status"], [m["type"] for m in seen])
content, seen = ask("execute_request", {"code": "<b>x</b>"}, metadata={"cellId": "b", "polyglot_notebook": {"kernelName": "html"}})
check("a cell's metadata choose its language", [m["content"]["data"].get("text/html") for m in seen if m["type"] == "display_data"] == ["<b>x</b>"], content)
content, seen = ask("execute_request", {"code": "1"}, metadata={"polyglot_notebook": {"kernelName": "fsharp"}})
check("a language that is not here is refused by name", "a cell in fsharp cannot run here" in content.get("evalue", ""), content)
content, seen = ask("execute_request", {"code": "", "silent": True, "store_history": False})
check("execute nothing, silently", content["status"] == "ok" and [m["type"] for m in seen] == ["status", "status"])
content, _ = ask("complete_request", {"code": "Console.Wri", "cursor_pos": 11})
check("complete", content["status"] == "ok" and content["matches"] == ["Write", "WriteLine"] and content["metadata"] == {}, content["matches"])
content, _ = ask("inspect_request", {"code": "x", "cursor_pos": 1, "detail_level": 0})
check("inspect", content["status"] == "ok" and content["found"] and content["metadata"] == {}, content["data"])
content, _ = ask("is_complete_request", {"code": "var a = 1;"})
check("is complete", content["status"] == "complete")
content, _ = ask("history_request", {"output": False, "raw": True, "hist_access_type": "tail", "n": 500})
check("history", content == {"status": "ok", "history": []})

# Widgets: asked for when a notebook opens, opened, spoken to and closed, without being there.
content, _ = ask("comm_info_request", {"target_name": "jupyter.widget"})
check("comm_info", content == {"status": "ok", "comms": {}})
_, seen = ask("comm_open", {"comm_id": "c1", "target_name": "jupyter.widget.control", "data": {}}, reply=False)
check("a widget's channel is closed at once", [m["content"]["comm_id"] for m in seen if m["type"] == "comm_close"] == ["c1"], [m["type"] for m in seen])
for kind in ("comm_msg", "comm_close"):
    _, seen = ask(kind, {"comm_id": "c1", "data": {"method": "request_states"}}, reply=False)
    check(f"{kind} of nothing is let pass", [m["type"] for m in seen] == ["status", "status"])

# What the kernel does not have is refused in words, not with silence.
for kind, channel, content in (("debug_request", "control", {"seq": 1, "type": "request", "command": "debugInfo"}), ("create_subshell_request", "control", {}), ("connect_request", "shell", {})):
    content, _ = ask(kind, content, channel=channel, seconds=20)
    check(f"{kind} is refused", content is not None and content["status"] == "error" and kind in content["evalue"], content)

# VS Code interrupts over shell, Jupyter's server over control.
for channel in ("shell", "control"):
    mid = send("execute_request", {"code": "while (true) { }", "silent": False, "stop_on_error": True})
    time.sleep(1)
    began = time.time()
    content, _ = ask("interrupt_request", {}, channel=channel)
    check(f"interrupt over {channel} is answered", content == {"status": "ok"})
    message = None
    while time.time() - began < 60 and not (message and message["parent"] == mid):
        message = receive("shell", 1)
    check(f"interrupt over {channel} ends the cell", message["content"].get("ename") == "Interrupted", ms(began))

# Messages no client sends: the kernel goes on.
send("execute_request", {}, raw=b"{")
send("execute_request", {}, raw=b"[]")
sockets["shell"].send_multipart([b"<IDS|MSG>", b"wrong", b"{}", b"{}", b"{}", b"{}"])
sockets["shell"].send_multipart([b"nothing"])
for wrong in ({"code": 5}, {"code": "1", "silent": "yes"}, {"code": "1", "stop_on_error": 1}):
    content, _ = ask("execute_request", wrong)
    check(f"a field of the wrong type is an error: {wrong}", content is not None and content["status"] == "error", content)
content, _ = ask("complete_request", {"code": "x", "cursor_pos": "here"})
check("a cursor that is no number is an error", content["status"] == "error")
content, seen = ask("execute_request", {"code": "x + 2"})
check("after all that a cell runs", any(m["content"].get("data", {}).get("text/plain") == "22" for m in seen))

check("every message is valid", invalid == [], invalid[:5])
check("all are of one session", len(sessions) == 1)
kernel.terminate()    # as VS Code ends a kernel
kernel.wait(20)
check("it ends when told to", kernel.returncode == 0 and kernel.stdout.read() == b"", kernel.returncode)
finish()
