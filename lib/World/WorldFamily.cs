namespace HeadKvLab.World;

/// <summary>Families of questions. The first six are reported; Attr to FewShot0 are single hops of them, asked in training only; the rest are harder families that training may add.</summary>
public enum WorldFamily
{
    /// <summary>One fact about a person.</summary>
    Single,
    /// <summary>Retrieval-reasoning: two candidates of the same form, chosen by a logic sentence (the R2 needle of HeadKV).</summary>
    R2Attr,
    /// <summary>Two hops over a code word.</summary>
    Hop,
    /// <summary>Classification by labels that are random per document; the classes of words are learned in the weights.</summary>
    FewShot,
    /// <summary>A numbered passage.</summary>
    Passage,
    /// <summary>A code-like definition.</summary>
    Code,
    /// <summary>Helper: who a description means.</summary>
    Attr,
    /// <summary>Helper: the first hop alone.</summary>
    Hop1,
    /// <summary>Helper: the second hop alone.</summary>
    Hop2,
    /// <summary>Helper: the label of a word that is itself an example.</summary>
    FewShot0,
    /// <summary>Two facts of different relations about the same person.</summary>
    Pair,
    /// <summary>Listing: all gifts for a person, in the order of the text.</summary>
    List,
    /// <summary>Reasoning over ages: the fact of whoever is older (or younger).</summary>
    R2Age,
    /// <summary>Helper: who is older (or younger).</summary>
    Older,
    /// <summary>Helper: how old somebody is.</summary>
    HowOld,
    /// <summary>Counting visits.</summary>
    Count,
    /// <summary>A sentence read a second time, from its third token on: no question, the plainest form of looking back.</summary>
    Echo,
    /// <summary>Helper: which of two ages is more (or less), the numbers themselves in the question.</summary>
    MoreYears,
    /// <summary>A definition among others that share its first or its last word; asked in suites only, training never saw it.</summary>
    CodeAffix,
}

/// <summary>Names of families as files and options write them.</summary>
public static class WorldFamilies
{
    /// <summary>The reported families.</summary>
    public static readonly IReadOnlyList<WorldFamily> Reported =
        [WorldFamily.Single, WorldFamily.R2Attr, WorldFamily.Hop, WorldFamily.FewShot, WorldFamily.Passage, WorldFamily.Code];

    /// <summary>Families that a suite may ask for by name: the reported ones, listing, ages and counting, and definitions with a word in common.</summary>
    public static readonly IReadOnlyList<WorldFamily> Askable = [.. Reported, WorldFamily.List, WorldFamily.R2Age, WorldFamily.Count, WorldFamily.CodeAffix];

    /// <summary>All families, by number.</summary>
    public static readonly IReadOnlyList<WorldFamily> All = Enum.GetValues<WorldFamily>();

    /// <summary>The name in lower case, e.g. "r2attr".</summary>
    public static string Name(this WorldFamily family) => family.ToString().ToLowerInvariant();

    /// <summary>Reads names separated by commas, e.g. "single,list".</summary>
    /// <exception cref="LabException">A name is unknown, not askable or written twice.</exception>
    public static IReadOnlyList<WorldFamily> Parse(string names)
    {
        var families = names.Split(',', StringSplitOptions.TrimEntries).Select(name => Askable.Where(f => f.Name() == name).Select(f => (WorldFamily?)f).FirstOrDefault()
            ?? throw new LabException($"families '{names}': there is no '{name}' to ask for; choose from {string.Join(", ", Askable.Select(Name))}")).ToArray();
        return families.Distinct().Count() == families.Length ? families : throw new LabException($"families '{names}': each can be named once");
    }
}
