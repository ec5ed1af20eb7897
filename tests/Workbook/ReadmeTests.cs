using HeadKvLab.Eviction;

namespace HeadKvLab.Tests.Workbook;

public sealed class ReadmeTests
{
    [Fact]
    public void The_table_of_methods_is_the_catalogues()
    {
        var readme = File.ReadAllText(Repository.Path("README.md"));
        foreach (var method in Catalogue.Methods)
            Assert.Contains($"| {method.Name} | {method.Keeps} | {method.Defaults} | {Catalogue.NameOf(method.Needs)} | {method.Paper} |", readme);
        var rows = readme.Split('\n').Count(line => line.StartsWith("| ", StringComparison.Ordinal) && line.Contains("arXiv") || line.Contains("| none | - |"));
        Assert.Equal(Catalogue.Methods.Count, rows);
    }

    [Fact]
    public void Every_file_it_names_is_there()
    {
        var readme = File.ReadAllText(Repository.Path("README.md")) + File.ReadAllText(Repository.Path("environment.md"));
        var links = System.Text.RegularExpressions.Regex.Matches(readme, @"\]\((?!http)([^)#]+)\)").Select(m => m.Groups[1].Value).ToArray();
        Assert.NotEmpty(links);
        Assert.All(links, link => Assert.True(Path.Exists(Repository.Path(link)), link));
    }
}
