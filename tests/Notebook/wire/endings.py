"""How kernels end: their server is killed, a cell ends the process, a front end restarts them. None stays behind, a new one works."""
import os
import signal
import subprocess
import sys
import tempfile
import time

from jupyter_client import KernelManager

from kernel import COMMAND, Kernel, check, connection_file, finish, ms

LONGEST_ORPHAN = 3000


def dead(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def wait_until(holds, seconds):
    started = time.time()
    while not holds() and time.time() - started < seconds:
        time.sleep(0.02)
    return ms(started)


# Three servers are killed: with an idle kernel, with one whose cell keeps every core busy and never comes back, and with one that was
# started through a program which lives on.
class Served(Kernel):
    def __init__(self, through=()):
        self.file = connection_file()
        self.server = subprocess.Popen([sys.executable, "-c", f"""
import os, subprocess, time
p = subprocess.Popen({list(through) + COMMAND!r} + ["jupyter", {self.file!r}], stdout=subprocess.DEVNULL, env=dict(os.environ, JPY_PARENT_PID=str(os.getpid())))
time.sleep(600)
"""])
        self.client = self.connect()
        seen, _, _ = self.run("Environment.ProcessId")
        self.pid = int(seen[2]["content"]["data"]["text/plain"])


idle, busy = Served(), Served()
through = Served([sys.executable, "-c", "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))"])
busy.client.execute("for (int i = 0; i < 4 * Environment.ProcessorCount; i++) Task.Run(() => { while (true) { } });\nSystem.Threading.Thread.Sleep(-1);")
time.sleep(1)
check("kernels live while their servers do", not any(dead(one.pid) for one in (idle, busy, through)))
for one in (idle, busy, through):
    one.server.send_signal(signal.SIGKILL)
    one.server.wait()
started = time.time()
for name, one in (("an idle", idle), ("a busy", busy), ("an indirectly started", through)):
    wait_until(lambda: dead(one.pid), LONGEST_ORPHAN / 1000 - (time.time() - started))
    took, gone = ms(started), dead(one.pid)
    check(f"no orphan of {name} kernel after its server was killed", gone and took <= LONGEST_ORPHAN, took)
    if not gone:
        os.kill(one.pid, signal.SIGKILL)

# Installed twice it is the same kernel.
os.environ["JUPYTER_DATA_DIR"] = tempfile.mkdtemp()
installed = []
for _ in range(2):
    said = subprocess.run(COMMAND + ["install"], capture_output=True, text=True)
    folder = os.path.join(os.environ["JUPYTER_DATA_DIR"], "kernels")
    with open(os.path.join(folder, ".net-csharp", "kernel.json")) as file:
        installed.append((said.returncode, said.stdout, file.read(), sorted(os.listdir(folder))))
check("installed twice it is one kernel", installed[0] == installed[1] and installed[0][3] == [".net-csharp"], installed[1][1].strip())


class Managed(Kernel):
    """A kernel that Jupyter's own manager starts from the kernelspec."""

    def __init__(self):
        self.manager = KernelManager(kernel_name=".net-csharp")
        self.log = tempfile.NamedTemporaryFile("r")
        self.manager.start_kernel(stderr=open(self.log.name, "w"))
        self.file = self.manager.connection_file
        self.client = self.connect()

    def restart(self):
        self.manager.restart_kernel(now=True)
        self.client = self.connect()


k = Managed()
ABORT = '[System.Runtime.InteropServices.DllImport("libc")] static extern void abort(); abort();'
STRAY = 'new System.Threading.Thread(() => throw new InvalidOperationException("stray")).Start(); System.Threading.Thread.Sleep(20000);'
for name, code, words in (("Environment.Exit", 'Console.WriteLine("last"); Environment.Exit(3);', "the kernel's process ended while this cell ran: Environment.Exit with exit code 3."),
                          ("an exception on another thread", STRAY, "no one caught on another thread: System.InvalidOperationException: stray"),
                          ("a crash in native code", ABORT, None)):
    seen, _, _ = k.run('var kept = 1; Console.WriteLine("before")')
    check(f"{name}: outputs before it are there", any(m["content"].get("text") == "before\n" for m in seen))
    if words:
        seen, reply, _ = k.run(code)
        errors = [m["content"]["evalue"] for m in seen if m["msg_type"] == "error"]
        check(f"{name}: the cell says why the kernel ended", len(errors) == 1 and words in errors[0] and reply["content"]["status"] == "error", errors)
        if "last" in code:
            check(f"{name}: what the cell printed is there", [m["content"]["text"] for m in seen if m["msg_type"] == "stream"] == ["last\n"])
    else:
        k.client.execute(code)
    took = wait_until(lambda: not k.manager.is_alive(), 10)
    check(f"{name}: the server sees that the kernel is dead", not k.manager.is_alive(), took)
    log = k.log.read()
    check(f"{name}: the server's log says why", not words or words in log or "stray" in log, log.strip()[-300:])
    k.restart()
    seen, reply, _ = k.run("1 + 1")
    check(f"{name}: after the restart a cell runs", any(m["content"].get("data", {}).get("text/plain") == "2" for m in seen) and reply["content"]["execution_count"] == 1)
    check(f"{name}: after the restart the old variables are gone", "kept" in k.run("kept")[1]["content"].get("evalue", ""))

# A restart that a front end asks for: the kernel says that it is one, and ends in order.
k.client.control_channel.send(k.client.session.msg("shutdown_request", {"restart": True}))
reply = k.client.get_control_msg(timeout=60)
check("shutdown for a restart", reply["msg_type"] == "shutdown_reply" and reply["content"] == {"status": "ok", "restart": True}, reply["content"])
took = wait_until(lambda: not k.manager.is_alive(), 10)
check("it ends in order and without a word", not k.manager.is_alive() and k.log.read() == "", took)
k.restart()
check("and a new one works", k.run("1")[1]["content"]["status"] == "ok")
k.manager.shutdown_kernel()
finish()
