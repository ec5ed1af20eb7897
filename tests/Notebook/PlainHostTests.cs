using HeadKvLab.Notebook.Files;

namespace HeadKvLab.Tests.Notebook;

/// <summary>
/// The lessons are notebooks of .NET Interactive's, not of a dialect of ours: unedited they run under its own C# kernel and show the same. One is run here;
/// all of them with HEADKVLAB_EVERY_NOTEBOOK=1.
/// </summary>
public sealed class PlainHostTests(ITestOutputHelper log)
{
    public static TheoryData<string> Lessons => [.. Directory.GetFiles(Path.Combine(Repository.Root, "notebooks"), "*.ipynb").Order().Select(file => Path.GetFileName(file))
        .Where(name => Environment.GetEnvironmentVariable("HEADKVLAB_EVERY_NOTEBOOK") == "1" || name.StartsWith("02", StringComparison.Ordinal))];

    [Theory]
    [MemberData(nameof(Lessons))]
    public async Task A_lesson_shows_the_same_under_the_official_kernel(string lesson)
    {
        var committed = Path.Combine(Repository.Root, "notebooks", lesson);
        var fresh = Path.GetTempFileName();
        try
        {
            using var host = Child.Start("plain-host", committed, fresh);
            var said = await host.StandardError.ReadToEndAsync();
            await host.WaitForExitAsync();
            log.WriteLine(said);
            Assert.Equal(0, host.ExitCode);
            Assert.Empty(NotebookComparison.Differences(NotebookDocument.Load(committed), NotebookDocument.Load(fresh), new Tolerance()));
        }
        finally
        {
            File.Delete(fresh);
        }
    }
}
