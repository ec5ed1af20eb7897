#if STANDIN
using HeadKvLab.Tests.Engine;

namespace HeadKvLab.Tests.StandIns;

/// <summary>
/// The stand-ins of Plotly.NET and Microsoft.Data.Analysis offer exactly what the lists beside this file say, and the lists hold
/// signatures of the packages alone: code that compiles against the stand-ins compiles against the packages.
/// </summary>
public sealed class SurfaceTests
{
    [Theory]
    [InlineData("plotly-surface.txt", typeof(Plotly.NET.GenericChart))]
    [InlineData("data-analysis-surface.txt", typeof(Microsoft.Data.Analysis.DataFrame))]
    public void The_stand_in_has_the_listed_members_and_no_other(string list, Type member)
    {
        string[] listed = [.. File.ReadLines(RepositoryFiles.Path($"tests/StandIns/{list}")).Where(line => line.Length > 0 && line[0] != '#')];
        string[] found = [.. Surface.Of(member.Assembly)];
        Assert.Empty(found.Except(listed));
        Assert.Empty(listed.Except(found));
    }
}
#endif
