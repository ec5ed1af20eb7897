#if STANDIN
namespace HeadKvLab.Tests.Engine;

/// <summary>
/// The stand-in offers exactly what torchsharp-surface.txt lists, and that list holds signatures of the package alone: code that compiles against
/// the stand-in compiles against TorchSharp 0.107. A new member needs its line there, taken from the package's own signature.
/// </summary>
public sealed class SurfaceTests
{
    [Fact]
    public void The_stand_in_has_the_listed_members_and_no_other()
    {
        string[] listed = [.. File.ReadLines(RepositoryFiles.Path("tests/Engine/torchsharp-surface.txt")).Where(l => l.Length > 0 && l[0] != '#')];
        string[] found = [.. Surface.Of(typeof(TorchSharp.torch).Assembly)];
        Assert.Empty(found.Except(listed));
        Assert.Empty(listed.Except(found));
    }
}
#endif
