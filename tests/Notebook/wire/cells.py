"""Cells over the wire, as a front end runs them: outputs, errors, input, completion, interrupt, two clients."""
import subprocess
import time

from kernel import COMMAND, Kernel, check, finish, kinds, ms

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
seen, reply, _ = k.run("big = null; var line = new string('x', 100_000); for (int i = 0; i < 1000; i++) Console.WriteLine(line);", timeout=120)
text = "".join(m["content"]["text"] for m in seen if m["msg_type"] == "stream")
check("100 MB of text are cut", 2_000_000 < len(text) < 2_000_100 and text.endswith("[output cut after 2,000,000 characters]\n"), len(text))
seen, reply, _ = k.run('new string(\'x\', 100_000_000)', timeout=120)
check("a value of 100 MB is left out", "is not shown: a cell shows 64,000,000 at most" in seen[2]["content"]["data"]["text/plain"])
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

k.run("var numbers = new List<int> { 1 };")
content, took = k.answer(k.client.complete, "/* \U0001F600 */ numbers.Sele", 20)
check("completion", content["matches"] == ["Select", "SelectMany"] and (content["cursor_start"], content["cursor_end"]) == (16, 20), (content["matches"][:3], took))
content, took = k.answer(k.client.complete, "num", 3)
check("completion of a variable", "numbers" in content["matches"], took)
content, took = k.answer(k.client.complete, "Enumerable.Range(0, 3).Where(x => x.Comp", 40)
check("completion in a lambda", content["matches"] == ["CompareTo"], (content["matches"], took))
content, took = k.answer(k.client.inspect, "numbers.Add(", 12)
check("inspection", "List<int>.Add(int item)" in content["data"].get("text/plain", ""), content["data"])
content, _ = k.answer(k.client.is_complete, "for (;;) {")
check("incomplete code", content["status"] == "incomplete")

for code, limit in (("while (true) { }", 1500), ("System.Threading.Thread.Sleep(20000);", 1500)):
    mid = k.client.execute(code)
    time.sleep(1)
    content, took = k.answer(k.client.complete, "num", 3)
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
twice = subprocess.run(COMMAND + ["jupyter", k.file], capture_output=True, text=True)
check("the same connection file twice is refused", twice.returncode == 2 and "another kernel" in twice.stderr, twice.stderr.strip())

started = time.time()
k.client.shutdown()
k.process.wait(20)
check("shutdown", k.process.returncode == 0, ms(started))
finish()
