using HeadKvLab.Calibration;

namespace HeadKvLab.Tests.Calibration;

/// <summary>The file of finished tests: what it remembers, and which files it refuses.</summary>
public sealed class ScoringJournalTests : FolderTests
{
    private static readonly ScoredTest[] Two = [new(0, [1, 0.5], null), new(1, null, [0.25])];

    private string Written()
    {
        using var journal = ScoringJournal.Open(Inside("j"), "eq1 of m");
        Assert.Empty(journal.Finished);
        foreach (var test in Two) journal.Add(test);
        return Inside("j");
    }

    private string Refused(string about = "eq1 of m") => Assert.Throws<LabException>(() => ScoringJournal.Open(Inside("j"), about)).Message;

    [Fact]
    public void What_was_finished_is_remembered_and_goes_on()
    {
        Written();
        using (var journal = ScoringJournal.Open(Inside("j"), "eq1 of m"))
        {
            Assert.Equivalent(Two, journal.Finished, strict: true);
            journal.Add(new(2, [3], [4]));
        }
        using var whole = ScoringJournal.Open(Inside("j"), "eq1 of m");
        Assert.Equal([0, 1, 2], whole.Finished.Select(test => test.Test));
    }

    [Fact]
    public void Without_a_path_nothing_is_kept()
    {
        using var journal = ScoringJournal.Open(null, "eq1 of m");
        journal.Add(Two[0]);
        Assert.Empty(journal.Finished);
    }

    [Fact]
    public void Another_measurement_is_refused_and_leaves_the_file_alone()
    {
        Assert.Equal($"{Written()}: remembers another measurement (eq1 of m); this one is eq2 of m. Repeat that command, or delete the file.", Refused("eq2 of m"));
        using var again = ScoringJournal.Open(Inside("j"), "eq1 of m");           // the refused one has closed it
        Assert.Equal(2, again.Finished.Count);
    }

    [Theory]
    [InlineData("{\"Test\":2}\n", "line 3", 1), InlineData("not JSON\n", "line 3", 1), InlineData("null\n", "line 3", 1)]
    public void A_line_that_is_not_the_next_test_is_refused_with_its_number(string line, string place, int test)
    {
        var lines = File.ReadAllLines(Written());
        File.WriteAllText(Inside("j"), string.Join('\n', lines[..2]) + "\n" + line);
        Assert.Equal($"{Inside("j")}, {place}: is not test {test} of the measurement; the file was changed by something else: delete that line and those after it", Refused());
    }

    [Fact]
    public void A_file_that_cannot_be_written_is_refused_with_the_cure() =>
        Assert.Contains("give a file that can be written", Assert.Throws<LabException>(() => ScoringJournal.Open(Folder, "eq1 of m")).Message);
}
