namespace HeadKvLab.Tests;

/// <summary>Published files that are too large for the repository, or not ours to pass on: in <c>shared/data</c> beside the checkout. Where they are not, a test of them is skipped.</summary>
internal static class SharedData
{
    /// <summary>The path of a file or folder; skips the test where it is missing.</summary>
    public static string At(string name)
    {
        var path = Repository.Path("..", "shared", "data", name);
        Assert.SkipUnless(Path.Exists(path), $"../shared/data/{name} is not here");
        return path;
    }

    /// <summary>A file of <c>tests/fixtures</c> where it is small and free enough to lie there, else of the data beside the checkout.</summary>
    public static string FixtureOr(string name)
    {
        var fixture = Repository.Path("tests", "fixtures", name);
        return File.Exists(fixture) ? fixture : At(name);
    }
}
