namespace HeadKvLab.Evaluation.Reducers;

/// <summary>Segments that keep their scores, whatever is asked.</summary>
/// <param name="segments">The segments.</param>
/// <param name="scores">A score for each.</param>
internal sealed class FixedScores(IReadOnlyList<Segment> segments, double[] scores) : ISegmentIndex
{
    public IReadOnlyList<Segment> Segments => segments;

    public double[] Score(ReducerQuestion question) => scores;
}
