using HeadKvLab.Storage;
using System.Text;
using HeadKvLab.Evaluation.Runs;

namespace HeadKvLab.Tests.Evaluation.Runs;

/// <summary>What a results folder promises: nothing done is lost, nothing is there twice, whatever happens to the processes.</summary>
public sealed class ResultFolderTests : IDisposable
{
    private readonly TemporaryFolder _temporary = new();

    private string Rows => Path.Combine(_temporary.Path, "rows.jsonl");

    public void Dispose() => _temporary.Dispose();

    private void Fill(int rows)
    {
        using var folder = SomeRows.Open(_temporary.Path);
        for (var i = 0; i < rows; i++) folder.Add(SomeRows.Row(i, i % 2));
    }

    [Fact]
    public void Rows_come_back_as_they_were_written()
    {
        Fill(3);
        var row = RowJournal.Read(Rows)[2];
        Assert.Equal(SomeRows.Row(2).ToLine(), row.ToLine());
        Assert.Equal(SomeRows.Row(2).Variant, row.Variant);
        Assert.Contains("Wörter", File.ReadAllText(Rows));       // letters stay letters
    }

    [Fact]
    public void Cut_at_every_byte_only_the_last_sample_is_lost()
    {
        Fill(3);
        var whole = File.ReadAllBytes(Rows);
        var lines = Encoding.UTF8.GetString(whole).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => Encoding.UTF8.GetByteCount(l) + 1).ToArray();
        for (var length = 0; length <= whole.Length; length++)
        {
            File.WriteAllBytes(Rows, whole[..length]);
            var complete = length >= whole.Length ? 3 : length >= lines[0] + lines[1] ? 2 : length >= lines[0] ? 1 : 0;
            Assert.Equal(complete, RowJournal.Read(Rows).Count);
            if (length % 97 != 0) continue;                       // each open costs a few syncs
            using var folder = SomeRows.Open(_temporary.Path);
            Assert.Equal(complete, folder.Rows.Count);
            for (var i = complete; i < 3; i++) folder.Add(SomeRows.Row(i, i % 2));
            Assert.Equal(whole, Shared(Rows));
        }
    }

    private static byte[] Shared(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var bytes = new byte[file.Length];
        file.ReadExactly(bytes);
        return bytes;
    }

    [Fact]
    public void A_second_user_is_refused_with_the_owners_name()
    {
        using var folder = SomeRows.Open(_temporary.Path);
        var error = Assert.Throws<LabException>(() => SomeRows.Open(_temporary.Path));
        Assert.Contains($"process {Environment.ProcessId} on {Environment.MachineName}, started 2", error.Message);
        Assert.Contains("--shard", error.Message);
    }

    [Fact]
    public void The_lock_of_a_dead_process_is_stale_and_that_of_another_machine_is_until_it_is_silent()
    {
        var path = Path.Combine(_temporary.Path, "owner.json");
        File.WriteAllText(path, $$"""{"pid":1,"host":"{{Environment.MachineName}}","started":"2020-01-01T00:00:00+00:00"}""");
        SomeRows.Open(_temporary.Path).Dispose();                 // nobody holds it

        File.WriteAllText(path, """{"pid":1,"host":"elsewhere","started":"2020-01-01T00:00:00+00:00"}""");
        Assert.Contains("process 1 on elsewhere", Assert.Throws<LabException>(() => SomeRows.Open(_temporary.Path)).Message);
        File.SetLastWriteTimeUtc(path, DateTime.UtcNow - FolderLock.Silence - TimeSpan.FromSeconds(5));
        SomeRows.Open(_temporary.Path).Dispose();

        File.WriteAllText(path, """{"pid":1,"ho""");              // its owner died while writing its name
        SomeRows.Open(_temporary.Path).Dispose();
    }

    [Fact]
    public void A_folder_of_another_version_model_or_data_is_refused()
    {
        Fill(2);
        var card = Path.Combine(_temporary.Path, "run.json");
        Assert.Contains("another model", Assert.Throws<LabException>(() => ResultFolder.Open(_temporary.Path, SomeRows.Card("other"))).Message);
        Assert.Contains("data of s/d", Assert.Throws<LabException>(() => ResultFolder.Open(_temporary.Path, SomeRows.Card() with { Data = new() { ["s/d"] = "changed" } })).Message);
        var (page, rows) = (File.ReadAllText(card), File.ReadAllText(Rows));
        File.WriteAllText(card, page.Replace("\"format\": 2", "\"format\": 3"));
        Assert.Contains("format 3", Assert.Throws<LabException>(() => SomeRows.Open(_temporary.Path)).Message);
        File.WriteAllText(card, page);
        File.WriteAllText(Rows, rows.Replace("\"format\":2", "\"format\":7"));
        Assert.Contains("rows.jsonl, line 1: a row of format 7", Assert.Throws<LabException>(() => SomeRows.Open(_temporary.Path)).Message);
        Assert.Equal(rows.Replace("\"format\":2", "\"format\":7"), File.ReadAllText(Rows));
    }

    [Fact]
    public void Damage_in_the_middle_and_doubled_samples_are_refused_and_left_alone()
    {
        Fill(3);
        var lines = File.ReadAllLines(Rows);
        foreach (var damaged in (string[])[$"{lines[0]}\n{lines[1][..40]}\n{lines[2]}\n", $"{lines[0]}\n\n{lines[2]}\n", $"{lines[0]}\n[]\n{lines[2]}\n"])
        {
            File.WriteAllText(Rows, damaged);
            Assert.Contains("line 2", Assert.Throws<LabException>(() => SomeRows.Open(_temporary.Path)).Message);
            Assert.Equal(damaged, File.ReadAllText(Rows));
        }
        File.WriteAllText(Rows, string.Join('\n', lines[0], lines[1], lines[0], ""));
        Assert.Contains("line 3: the sample d q00 of SnapKV", Assert.Throws<LabException>(() => SomeRows.Open(_temporary.Path)).Message);
    }

    [Fact]
    public void What_cannot_be_written_is_an_error_and_not_a_loss()
    {
        Directory.CreateDirectory(Path.Combine(_temporary.Path, "locked", "lock"));
        Assert.Contains("lock", Assert.Throws<LabException>(() => SomeRows.Open(Path.Combine(_temporary.Path, "locked"))).Message);
    }

    [Fact]
    public void A_folder_where_none_can_be_made_is_an_error()
    {
        Requires.Linux("no other system has /proc");
        Assert.Contains("cannot be made", Assert.Throws<LabException>(() => SomeRows.Open("/proc/results")).Message);
    }

    /// <summary>A power cut after <c>Add</c> loses nothing: each of three rows is followed by the call that waits for the disk.</summary>
    [Fact]
    public void Every_row_is_flushed_to_the_disk()
    {
        Requires.Program(["strace"], ["-o", "/dev/null", "true"], "strace that may trace (Debian: strace)");
        string run = Path.Combine(_temporary.Path, "flushed"), trace = Path.Combine(_temporary.Path, "trace");
        Assert.Equal(0, Child.Start("strace", ["-f", "-y", "-e", "trace=fsync,fdatasync", "-o", trace, "dotnet", typeof(Child).Assembly.Location, "journal", run, "3", "1"]).End().Code);
        Assert.Equal(3, File.ReadLines(Path.Combine(run, "rows.jsonl")).Count());
        Assert.Equal(3, File.ReadLines(trace).Count(line => line.Contains("sync(", StringComparison.Ordinal) && line.Contains("flushed/rows.jsonl>", StringComparison.Ordinal)));
    }

    [Fact]
    public void Two_processes_in_fifty_interleavings_lose_and_double_nothing()
    {
        var random = new Random(1);
        const int samples = 6;
        for (var round = 0; round < 50; round++)
        {
            var path = Path.Combine(_temporary.Path, $"round{round}");
            var seed = 100 * round;
            for (var attempt = 0; ; attempt++)
            {
                using var first = Child.Start("journal", path, $"{samples}", $"{seed++}");
                using var second = Child.Start("journal", path, $"{samples}", $"{seed++}");
                if (attempt == 0 && round % 2 == 0)               // in every other round both are killed on the way
                {
                    Thread.Sleep(random.Next(60, 160));
                    first.Kill();
                    Thread.Sleep(random.Next(30));
                    second.Kill();
                }
                first.WaitForExit();
                second.WaitForExit();
                if (first.ExitCode == 0 && second.ExitCode == 0) break;
                Assert.True(attempt < 3, first.StandardError.ReadToEnd() + second.StandardError.ReadToEnd());
            }
            Assert.Equal(Enumerable.Range(0, samples).Select(i => SomeRows.Row(i).Key), RowJournal.Read(Path.Combine(path, "rows.jsonl")).Select(r => r.Key).Order(StringComparer.Ordinal));
        }
    }
}
