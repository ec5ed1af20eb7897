using HeadKvLab.Evaluation.Reducers;

namespace HeadKvLab.Tests.Evaluation.Reducers;

/// <summary>Which segments there are, and which of them stay.</summary>
public sealed class SegmentationTests
{
    private static int[] Encode(string text) => Repository.Model.Tokenizer.Encode(text, addSpecial: false);

    [Fact]
    public void Sentences_end_at_full_stops_and_cover_everything()
    {
        var ids = Encode(" The pilot is Ada. The tutor is Tess. The secret");
        var segments = Segmentation.Sentences(Repository.Model.Tokenizer, ids);
        Assert.Equal(["The pilot is Ada.", "The tutor is Tess.", "The secret"], segments.Select(s => Repository.Model.Tokenizer.Decode(ids.AsSpan(s.Start, s.Length)).Trim()));
        Assert.Equal(ids.Length, segments.Sum(s => s.Length));
        Assert.All(segments.Zip(segments.Skip(1)), pair => Assert.Equal(pair.First.Start + pair.First.Length, pair.Second.Start));
        Assert.Empty(Segmentation.Sentences(Repository.Model.Tokenizer, []));
    }

    [Fact]
    public void A_sentence_without_an_end_is_cut_at_64_tokens()
    {
        var ids = Enumerable.Repeat(Encode(" pilot")[0], 130).ToArray();
        Assert.Equal([new(0, 64), new(64, 64), new(128, 2)], Segmentation.Sentences(Repository.Model.Tokenizer, ids));
        Assert.Equal([new(0, 50), new(50, 50), new(100, 30)], Segmentation.Pieces(130, 50));
    }

    /// <summary>Segments of 3, 2 and 4 tokens with scores 1, 3, 2.</summary>
    [Theory]
    [InlineData(1, new[] { 3 })]                            // smaller than the best segment: its beginning, never nothing
    [InlineData(2, new[] { 3, 4 })]
    [InlineData(5, new[] { 3, 4, 5, 6, 7 })]                // the next best is cut
    [InlineData(7, new[] { 0, 3, 4, 5, 6, 7, 8 })]
    [InlineData(9, new[] { 0, 1, 2, 3, 4, 5, 6, 7, 8 })]
    [InlineData(12, new[] { 0, 1, 2, 3, 4, 5, 6, 7, 8 })]   // more than there are
    public void The_best_stay_whole_and_in_order(int tokens, int[] kept) =>
        Assert.Equal(kept, Segmentation.Best([new(0, 3), new(3, 2), new(5, 4)], [1, 3, 2], tokens));

    [Fact]
    public void Of_equal_ones_the_earlier_stays_and_what_is_no_number_goes_first()
    {
        Segment[] segments = [new(0, 1), new(1, 1), new(2, 1), new(3, 1)];
        Assert.Equal([0, 1], Segmentation.Best(segments, [5, 5, 5, 5], 2));
        Assert.Equal([1, 3], Segmentation.Best(segments, [double.NaN, 0, double.NegativeInfinity, 0], 2));
        Assert.Throws<ArgumentException>(() => Segmentation.Best(segments, [1], 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => Segmentation.Best(segments, [1, 2, 3, 4], 0));
    }
}
