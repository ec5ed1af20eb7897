using HeadKvLab.World;

namespace HeadKvLab.Training;

/// <summary>One worker's documents of a step, flattened as the model wants them. Row r of the hidden states predicts token r + 1 of its document.</summary>
internal sealed class Batch
{
    private readonly List<long> answerRows = [], answerTargets = [], otherRows = [], otherTargets = [];
    private readonly List<float> answerWeights = [];
    private readonly List<(string, int, int)> answers = [];

    internal Batch(int documents, int length)
    {
        (Documents, Length) = (documents, length);
        (Ids, Positions) = (new long[documents * length], new long[documents * length]);
    }

    /// <summary>Rows of the batch.</summary>
    internal int Documents { get; }

    /// <summary>Tokens of a row.</summary>
    internal int Length { get; }

    /// <summary><c>[document, token]</c>.</summary>
    internal long[] Ids { get; }

    /// <summary><c>[document, token]</c>.</summary>
    internal long[] Positions { get; }

    /// <summary>Hidden rows that predict answer tokens.</summary>
    internal long[] AnswerRows => [.. answerRows];

    /// <summary>What they should predict.</summary>
    internal long[] AnswerTargets => [.. answerTargets];

    /// <summary>Weight of each in the loss.</summary>
    internal float[] AnswerWeights => [.. answerWeights];

    /// <summary>A quarter of the other rows, a different one each document.</summary>
    internal long[] OtherRows => [.. otherRows];

    /// <summary>What they should predict.</summary>
    internal long[] OtherTargets => [.. otherTargets];

    /// <summary>Each whole answer: family, place and length in the answer arrays.</summary>
    internal IReadOnlyList<(string Family, int Start, int Length)> Answers => answers;

    /// <summary>Fills row <paramref name="row"/> with a document of exactly <see cref="Length"/> tokens.</summary>
    internal void Set(int row, WorldDocument document, double firstWeight)
    {
        var at = row * Length;
        for (var t = 0; t < Length; t++) (Ids[at + t], Positions[at + t]) = (document.Ids[t], document.Positions[t]);
        var next = 0;
        for (var t = 1; t < Length; t++)
        {
            var (row1, target) = (at + t - 1, document.Ids[t]);
            if (document.Family[t] >= 0)
            {
                if (next < document.Answers.Length && document.Answers[next].Start == t)
                    answers.Add((document.Answers[next].Family.Name(), answerRows.Count, document.Answers[next++].Length));
                (answerRows, answerTargets).Add(row1, target);
                answerWeights.Add(document.FirstAnswerToken[t] != 0 ? (float)firstWeight : 1f);
            }
            else if ((t + row) % 4 == 0) (otherRows, otherTargets).Add(row1, target);
        }
    }
}

file static class Pairs
{
    internal static void Add(this (List<long> Rows, List<long> Targets) lists, long row, long target)
    {
        lists.Rows.Add(row);
        lists.Targets.Add(target);
    }
}
