
namespace HeadKvLab.Tests.Evaluation.Runs;

/// <summary>
/// Folders that really cannot be written: a file system mounted read-only in a mount namespace of its own, files without write permission for a process without
/// root's right to ignore that, and files that the file system keeps from everyone. Each ends with an error that names the file, and loses nothing.
/// </summary>
public sealed class ReadOnlyTests : IDisposable
{
    private static readonly string Lab = Repository.Path("bin", "HeadKvLab.dll");

    /// <summary>Takes from root what permissions do not bind; another user has nothing to give up.</summary>
    private static readonly string Bound = Environment.IsPrivilegedProcess ? "setpriv --bounding-set=-dac_override,-dac_read_search,-fowner" : "env";

    private readonly TemporaryFolder _temporary = new();

    private string Run => Path.Combine(_temporary.Path, "run");

    private string Rows => Path.Combine(Run, "rows.jsonl");

    public void Dispose()
    {
        Shell($"chmod -R u+rwX '{_temporary.Path}'; chattr -i '{Rows}'");
        _temporary.Dispose();
    }

    private static (int Code, string Error) Shell(string script) => Child.Start("bash", ["-c", script]).End();

    /// <summary>A process that adds the missing ones of twelve samples to a folder.</summary>
    private static string GoOn(string folder) => $"dotnet '{typeof(Child).Assembly.Location}' journal '{folder}' 12 1";

    /// <summary>A folder with five samples; gives their lines.</summary>
    private string[] Unfinished()
    {
        using (var folder = SomeRows.Open(Run))
            for (var i = 0; i < 5; i++) folder.Add(SomeRows.Row(i));
        return File.ReadAllLines(Rows);
    }

    private static void Needs(string script, string what) => Assert.SkipUnless(OperatingSystem.IsLinux() && Shell(script).Code == 0, $"{what} not permitted here");

    [Fact]
    public void A_file_system_mounted_read_only()
    {
        Needs("unshare -rm mount -t tmpfs tmpfs /mnt", "mounting in a namespace of its own is");
        var lines = Unfinished();
        var disk = Directory.CreateDirectory(Path.Combine(_temporary.Path, "disk")).FullName;
        (int Code, string Error) Inside(string command) => Shell($"unshare -rm bash -c \"mount -t tmpfs -o size=4m tmpfs '{disk}' && cp -r '{Run}' '{disk}/run' && mount -o remount,ro '{disk}' && {{ {command}; }}\"");

        var (code, error) = Inside($"{GoOn(disk + "/run")}; code=\\$?; cmp '{Rows}' '{disk}/run/rows.jsonl' || code=99; exit \\$code");
        Assert.Contains("run/lock: the lock cannot be written: Read-only file system", error);
        Assert.Equal(2, code);
        (code, error) = Inside($"dotnet '{Lab}' sweep data/sweeps/world.json --limit 1 --out '{disk}/new'");
        Assert.Contains("new: the results folder cannot be made: Read-only file system", error);
        Assert.Equal(2, code);
        (code, error) = Inside($"dotnet '{Lab}' report '{disk}/run' && dotnet '{Lab}' report '{disk}/run' --as longbench");       // the first only reads
        Assert.Contains("Read-only file system", error);
        Assert.Equal(2, code);
        Assert.Equal(0, Shell(GoOn(Run)).Code);
        Assert.Equal(lines, File.ReadAllLines(Rows)[..5]);
        Assert.Equal(12, File.ReadAllLines(Rows).Length);
    }

    [Fact]
    public void Files_and_folders_without_write_permission()
    {
        Needs($"cd '{_temporary.Path}' && touch probe && chmod 444 probe && ! {Bound} bash -c 'echo >> probe'", "giving up root's rights is");
        var lines = Unfinished();
        foreach (var (deny, named) in ((string, string)[])
        [
            ($"rm '{Run}/lock'; chmod 555 '{Run}'", "lock: the lock cannot be written"), ($"chmod 555 '{Run}'", "owner.json: cannot be written"), ($"chmod 444 '{Run}/lock'", "lock: the lock cannot be written"), ($"chmod 444 '{Rows}'", "rows.jsonl: cannot be opened for writing"),
            ($"chmod 000 '{Rows}'", "rows.jsonl: cannot be opened for writing"),
        ])
        {
            Assert.Equal(0, Shell($"touch '{Run}/lock'; {deny}").Code);
            var (code, error) = Shell($"{Bound} {GoOn(Run)}");
            Assert.Contains(named, error);
            Assert.Equal(2, code);
            Assert.Equal(0, Shell($"chmod -R u+rwX '{Run}'").Code);
            Assert.Equal(lines, File.ReadAllLines(Rows));
        }
        Assert.Equal(0, Shell($"chmod 000 '{Rows}'").Code);
        var (read, message) = Shell($"{Bound} dotnet '{Lab}' report '{Run}'");
        Assert.Contains("rows.jsonl: cannot be read", message);
        Assert.Equal(2, read);
        Assert.Equal(0, Shell($"chmod 644 '{Rows}'; {Bound} {GoOn(Run)}").Code);
        Assert.Equal(12, File.ReadAllLines(Rows).Length);
    }

    [Fact]
    public void A_file_that_nobody_may_change()
    {
        Needs($"cd '{_temporary.Path}' && touch probe && chattr +i probe && ! bash -c 'echo >> probe' && chattr -i probe", "making files immutable is");
        var lines = Unfinished();
        Assert.Equal(0, Shell($"chattr +i '{Rows}'").Code);
        var (code, error) = Shell(GoOn(Run));
        Assert.Contains("rows.jsonl: cannot be opened for writing", error);
        Assert.Equal(2, code);
        Assert.Equal(lines, File.ReadAllLines(Rows));
        Assert.Equal(0, Shell($"chattr -i '{Rows}'; {GoOn(Run)}").Code);
        Assert.Equal(12, File.ReadAllLines(Rows).Length);
    }
}
