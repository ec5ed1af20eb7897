namespace HeadKvLab.Evaluation.Suites;

/// <summary>One needle at every depth of haystacks of several lengths: the grid of <c>run_needle_in_haystack</c>, with depths as shares of the text and insertion at sentence ends.</summary>
public static class NeedleGrid
{
    /// <summary>Makes the grid.</summary>
    /// <param name="name">Name of the dataset, <c>needle</c> or <c>needle_r2</c>.</param>
    /// <param name="haystack">A text of at least the longest length.</param>
    /// <param name="needles">Needle, question and expected answer.</param>
    /// <param name="template">The prompt, with <c>{context}</c> and <c>{input}</c>.</param>
    /// <param name="countTokens">Tokens of a text.</param>
    /// <param name="lengths">Prompt lengths in tokens.</param>
    /// <param name="depths">How many depths, from the beginning to the end.</param>
    public static SampleSet Make(string name, string haystack, IReadOnlyList<(string Needle, string Question, string Answer)> needles, string template, Func<string, int> countTokens, IReadOnlyList<int> lengths, int depths)
    {
        var sentences = haystack.Split(". ", StringSplitOptions.RemoveEmptyEntries);
        int[] tokens = [.. sentences.Select(s => countTokens(s + ". "))];
        var samples = new List<Sample>();
        foreach (var length in lengths)
            foreach (var (needle, index) in needles.Select((needle, index) => (needle, index)))
            {
                var room = length - countTokens(template + needle.Needle + needle.Question) - 40;
                var (count, used) = (0, 0);
                while (count < sentences.Length && used + tokens[count] <= room) used += tokens[count++];
                if (count == 0) throw new LabException($"needle grid: {length} tokens hold no sentence of the haystack beside needle {index + 1}; give longer --lengths");
                for (var d = 0; d < depths; d++)
                {
                    var depth = depths == 1 ? 0.5 : d / (depths - 1.0);
                    var before = (int)Math.Round(depth * count);
                    var context = string.Concat(sentences[..before].Select(s => s + ". ")) + needle.Needle.Trim() + " " + string.Concat(sentences[before..count].Select(s => s + ". "));
                    samples.Add(new Sample(FormattableString.Invariant($"{length}-{depth * 100:0}-{index}"), context.TrimEnd(), needle.Question, [needle.Answer]) { Length = length });
                }
            }
        return new SampleSet(KnownDatasets.Find(name), template, samples);
    }
}
