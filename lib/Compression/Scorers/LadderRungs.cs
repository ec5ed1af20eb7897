namespace HeadKvLab.Compression.Scorers;

/// <summary>
/// What the rungs of FastGen's ladder keep of a layer's prompt, and how much attention they hold: rung 0 keeps special tokens, 1 punctuation too, 2 frequent
/// tokens too, 3 local ones too; rung 4, which is not listed, keeps everything and holds 1.
/// </summary>
public sealed class LadderRungs
{
    private readonly int[] _entries; // [head, rung]
    private readonly double[] _masses;

    internal LadderRungs(int heads)
    {
        _entries = new int[heads * Ladder.Rests];
        _masses = new double[heads * Ladder.Rests];
    }

    /// <summary>Tokens before the window that a head keeps on each rung, <c>[rung]</c>, ascending: the first of the ladder's ranking.</summary>
    /// <param name="head">Head that owns entries.</param>
    public Span<int> Entries(int head) => _entries.AsSpan(head * Ladder.Rests, Ladder.Rests);

    /// <summary>
    /// Attention on what each rung keeps, 0 to 1, averaged over the prompt's queries, <c>[rung]</c>, ascending; where query heads share the entries, that of the
    /// one that has least, so that a threshold holds for each of them.
    /// </summary>
    /// <param name="head">Head that owns entries.</param>
    public Span<double> Masses(int head) => _masses.AsSpan(head * Ladder.Rests, Ladder.Rests);

    /// <summary>The cheapest rung that holds a share of the attention; 4 where only everything does.</summary>
    /// <param name="head">Head that owns entries.</param>
    /// <param name="threshold">FastGen's T, 0 to 1; a rung may lack a millionth of it.</param>
    public int Cheapest(int head, double threshold)
    {
        var masses = Masses(head);
        var rung = 0;
        while (rung < masses.Length && masses[rung] < threshold - 1e-6) rung++;
        return rung;
    }
}
