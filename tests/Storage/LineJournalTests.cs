using HeadKvLab.Storage;
using HeadKvLab.Tests.Models;

namespace HeadKvLab.Tests.Storage;

/// <summary>Lines that survive a kill: what was begun is gone, what was finished is there.</summary>
public sealed class LineJournalTests : IDisposable
{
    private readonly TestFiles _files = new();

    private string At => Path.Combine(_files.Folder, "journal");

    public void Dispose() => _files.Dispose();

    [Theory]
    [InlineData("", 0), InlineData("one\n", 1), InlineData("one\ntw", 1), InlineData("tw", 0), InlineData("one\ntwo\n{\"a\": \"", 2)]
    public void A_line_that_a_kill_cut_off_is_gone(string there, int whole)
    {
        File.WriteAllText(At, there);
        Assert.Equal(whole, LineJournal.Read(At).Count);
        Assert.Equal(there, File.ReadAllText(At));           // reading changes nothing
        using (var journal = LineJournal.Open(At, "cure"))
        {
            Assert.Equal(new[] { "one", "two" }[..whole], journal.Lines);
            Assert.Equal(whole == 0, journal.IsEmpty);
            journal.Add("é next");
            Assert.Equal("é next", LineJournal.Read(At)[^1]);   // on the disk before the next one
        }
        Assert.Equal([.. new[] { "one", "two" }[..whole], "é next"], File.ReadAllLines(At));
    }

    /// <summary>A torn line longer than the buffer that looks for its beginning.</summary>
    [Fact]
    public void A_long_torn_line_goes_whole()
    {
        File.WriteAllText(At, "one\n" + new string('x', 200_000));
        using var journal = LineJournal.Open(At, "cure");
        Assert.Equal(["one"], journal.Lines);
        Assert.Equal(4, new FileInfo(At).Length);
    }

    [Fact]
    public void What_cannot_be_opened_is_named_with_its_cure()
    {
        Directory.CreateDirectory(At);
        var said = Assert.Throws<LabException>(() => LineJournal.Open(At, "give another file")).Message;
        Assert.Contains(At, said);
        Assert.EndsWith("give another file", said);
        Assert.Contains("cannot be read", Assert.Throws<LabException>(() => LineJournal.Read(At)).Message);
    }
}
