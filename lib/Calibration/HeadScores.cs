using HeadKvLab.Compression;

namespace HeadKvLab.Calibration;

/// <summary>
/// Importance of every query head of a model, one number per head and successful test: what the authors' files hold.
/// </summary>
public sealed class HeadScores
{
    private readonly List<double>[] _samples; // [layer * QueryHeads + head][test]

    /// <summary>Creates scores without a test yet.</summary>
    /// <param name="layers">Layers of the model.</param>
    /// <param name="queryHeads">Query heads of a layer.</param>
    public HeadScores(int layers, int queryHeads)
    {
        if (layers < 1 || queryHeads < 1) throw new LabException($"head scores of {layers} layers and {queryHeads} query heads: both must be 1 or more");
        (Layers, QueryHeads) = (layers, queryHeads);
        _samples = new List<double>[layers * queryHeads];
        for (var i = 0; i < _samples.Length; i++) _samples[i] = [];
    }

    /// <summary>Layers of the model.</summary>
    public int Layers { get; }

    /// <summary>Query heads of a layer.</summary>
    public int QueryHeads { get; }

    /// <summary>Tests counted: those the model passed.</summary>
    public int Tests => _samples[0].Count;

    /// <summary>Adds one test.</summary>
    /// <param name="test">Score of every head, <c>[layer, queryHead]</c>: finite and not negative.</param>
    public void Add(ReadOnlySpan<double> test)
    {
        if (test.Length != _samples.Length) throw new ArgumentException($"a test scores {_samples.Length} heads, {test.Length} were given", nameof(test));
        foreach (var score in test)
            if (!double.IsFinite(score) || score < 0)
                throw new ArgumentException(FormattableString.Invariant($"a head's score is finite and not negative, {score} was given"), nameof(test));
        for (var i = 0; i < _samples.Length; i++) _samples[i].Add(test[i]);
    }

    /// <summary>Scores of one head, one per test in the order they were run.</summary>
    public IReadOnlyList<double> Samples(int layer, int head) => _samples[layer * QueryHeads + head];

    /// <summary>Mean over tests.</summary>
    public double Mean(int layer, int head) => Mean(_samples[layer * QueryHeads + head]);

    /// <summary>Standard error of the mean: sample deviation / sqrt(tests); NaN below two tests.</summary>
    public double StandardError(int layer, int head)
    {
        var samples = _samples[layer * QueryHeads + head];
        if (samples.Count < 2) return double.NaN;
        var mean = Mean(samples);
        double squares = 0;
        foreach (var score in samples) squares += (score - mean) * (score - mean);
        return Math.Sqrt(squares / (samples.Count - 1) / samples.Count);
    }

    /// <summary>Means of all heads: what allocators work with.</summary>
    /// <param name="source">File that the scores were read from; null where they were measured here.</param>
    /// <exception cref="LabException">There is no test, or every head has mean 0.</exception>
    public HeadImportance Means(string? source = null)
    {
        if (Tests == 0) throw new LabException("head scores: no test was passed, so that nothing is known of any head; score the heads on prompts the model answers");
        return new(Layers, QueryHeads, Array.ConvertAll(_samples, Mean)) { Source = source };
    }

    internal List<double> Row(int index) => _samples[index];

    private static double Mean(List<double> samples)
    {
        double sum = 0;
        foreach (var score in samples) sum += score;
        return sum / samples.Count;
    }
}
