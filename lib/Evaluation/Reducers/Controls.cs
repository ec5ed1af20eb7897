namespace HeadKvLab.Evaluation.Reducers;

/// <summary>A reducer that looks at nothing but places: the controls.</summary>
/// <param name="name">Its name.</param>
/// <param name="keep">See <see cref="IReducer.Keep"/>.</param>
/// <param name="index">Scores the segments of a context.</param>
internal sealed class Control(string name, double? keep, Func<ReducibleContext, FixedScores> index) : IReducer
{
    public string Name => ReducerSettings.Name(name, keep);

    public bool AsksQuestion => false;

    public double? Keep => keep;

    public ISegmentIndex Index(ReducibleContext context) => index(context);

    /// <summary>The beginning stays.</summary>
    internal static Control Lead(double? keep) => new("Lead", keep, context => new(Segmentation.Pieces(context.Tokens.Length, 1), new double[context.Tokens.Length]));

    /// <summary>The beginning and the end stay, as LongBench cuts prompts that are too long; of an odd number the beginning has one more.</summary>
    internal static Control MiddleOut(double? keep) => new("Middle-out", keep, context =>
        new(Segmentation.Pieces(context.Tokens.Length, 1), [.. Enumerable.Range(0, context.Tokens.Length).Select(i => -(double)Math.Min(i, context.Tokens.Length - 1 - i))]));

    /// <summary>Sentences drawn at random, anew for each context.</summary>
    internal static Control Random(double? keep) => new("Random", keep, context =>
    {
        var (segments, random) = (Segmentation.Sentences(context.Model.Tokenizer, context.Tokens), new System.Random(context.Seed));
        return new(segments, [.. segments.Select(_ => random.NextDouble())]);
    });
}
