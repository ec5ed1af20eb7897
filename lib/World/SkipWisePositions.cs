namespace HeadKvLab.World;

/// <summary>
/// Positions with random gaps (PoSE, Zhu et al., 2023), only between sentences: short documents teach the model far positions,
/// while inside a sentence positions stay contiguous, so that heads which look one token back keep working.
/// <para>Example: sentences starting at tokens 1 and 5, cuts 10 and 30: positions 0, 11, 12, 13, 14, 35, 36, ...</para>
/// </summary>
internal static class SkipWisePositions
{
    /// <summary>Draws positions for a document of <c>options.Tokens</c> tokens.</summary>
    /// <param name="random">Random numbers of the document.</param>
    /// <param name="options">Largest position and probability of gaps.</param>
    /// <param name="starts">First token of every sentence, ascending.</param>
    public static int[] Draw(WorldRandom random, WorldOptions options, List<int> starts)
    {
        var positions = new int[options.Tokens];
        for (var i = 0; i < positions.Length; i++) positions[i] = i;
        if (options.PositionSpan <= options.Tokens || !random.Chance(options.Gaps)) return positions;

        var span = (int)(options.Tokens * Math.Exp(random.Unit() * Math.Log((double)options.PositionSpan / options.Tokens)));
        var cuts = new int[starts.Count];
        for (var i = 0; i < cuts.Length; i++) cuts[i] = random.Below(span - options.Tokens + 1);
        Array.Sort(cuts);
        for (var s = 0; s < cuts.Length; s++)
        {
            var end = s + 1 < cuts.Length ? starts[s + 1] : positions.Length;
            for (var i = starts[s]; i < end; i++) positions[i] = i + cuts[s];
        }
        return positions;
    }
}
