namespace HeadKvLab.Notebook.Engine;

/// <summary>The text of a running cell, in which its blocks are found again, so that errors name the reader's own lines.</summary>
/// <param name="name">The cell's name in errors, <c>In[n]</c>.</param>
/// <param name="directives">Its text and what it asks for.</param>
internal sealed class CellText(string name, Directives directives)
{
    internal static readonly CellText None = new("In[0]", Directives.Parse(""));
    bool packagesTaken;
    int from;

    internal string Name => name;

    internal string Code => directives.Code;

    /// <summary>What the cell asks for, once; null afterwards, or when it asks for nothing.</summary>
    internal Directives? TakePackages()
    {
        var wanted = !packagesTaken && (directives.Packages.Count > 0 || directives.Sources.Count > 0 || directives.Files.Count > 0);
        packagesTaken = true;
        return wanted ? directives : null;
    }

    /// <summary>A block at its place: moved down and right to where it stands in the cell. Code that a cell sends itself has a name of its own.</summary>
    internal (string Name, string Code) Place(string block)
    {
        var at = Code.IndexOf(block, Math.Min(from, Code.Length), StringComparison.Ordinal);
        if (at < 0) return (name.Replace("]", ", sent]", StringComparison.Ordinal), block);
        from = at + block.Length;
        var before = Code[..at];
        return (name, new string('\n', before.Count(c => c == '\n')) + new string(' ', at - before.LastIndexOf('\n') - 1) + block);
    }
}
