using HeadKvLab.Models;

namespace HeadKvLab.Calibration;

/// <summary>One formula read along one answer: where its needle lies, which steps count, what it has added up.</summary>
internal sealed class AnswerReading(LanguageModel model, int[] prompt, (int Start, int Length) needle, int mostSteps, int[] stops, bool reasoning, bool rounded)
{
    private readonly List<int> _answer = [];

    /// <summary>Sums, <c>[layer * queryHead]</c>.</summary>
    public double[] Scores { get; } = new double[model.Config.Layers * model.Config.QueryHeads];

    /// <summary>Whether further steps count.</summary>
    public bool Open { get; private set; } = mostSteps > 0;

    /// <summary>The text of the steps that counted.</summary>
    public string Response => model.Tokenizer.DecodeGenerated(_answer.ToArray()).Trim();

    /// <summary>Counts a step: the token and the attention of the pass that produced it. The stopping token's row counts.</summary>
    public void Step(int token, AttentionRecorder rows)
    {
        _answer.Add(token);
        var heads = model.Config.QueryHeads;
        for (var layer = 0; layer < model.Config.Layers; layer++)
        {
            var row = rows.Row(layer);
            var scores = Scores.AsSpan(layer * heads, heads);
            if (!reasoning) RetrievalScore.Add(row, prompt, Math.Max(0, needle.Start)..Math.Max(0, needle.Start + needle.Length), token, scores);
            else ReasoningScore.Add(rounded ? Rounded(row) : row, needle.Start, needle.Length, scores);
        }
        Open = _answer.Count < mostSteps && !stops.Contains(token);
    }

    /// <summary>Attention in bfloat16, to the nearest and half to even.</summary>
    private static float[] Rounded(ReadOnlySpan<float> row)
    {
        var rounded = new float[row.Length];
        for (var j = 0; j < row.Length; j++)
        {
            var bits = BitConverter.SingleToUInt32Bits(row[j]);
            rounded[j] = BitConverter.UInt32BitsToSingle((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000);
        }
        return rounded;
    }
}
