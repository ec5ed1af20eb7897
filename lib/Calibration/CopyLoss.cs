using HeadKvLab.Cache;
using HeadKvLab.Models;
using static TorchSharp.torch;

namespace HeadKvLab.Calibration;

/// <summary>
/// How well a model copies a prompt that it reads again: the condition under which KVzip's scores mean what they say. Published runs ask for it in words; here nothing does,
/// and what tells the model to copy is that it reads what it has read. Compared at the same tokens: each of a piece but the first, where no token leads into it.
/// </summary>
/// <param name="First">Mean of -ln p of the tokens in the first reading.</param>
/// <param name="Again">The same when they are read again.</param>
/// <param name="Copied">Share of the tokens that were the most likely ones when they were read again.</param>
/// <param name="Tokens">Tokens counted.</param>
public sealed record CopyLoss(double First, double Again, double Copied, long Tokens)
{
    private const int BlockRows = 256; // logits of so many tokens at a time

    /// <summary>Measures a model on prompts.</summary>
    /// <param name="decoder">The model.</param>
    /// <param name="prompts">Token ids, <c>[prompt][token]</c>.</param>
    /// <param name="replay">What is read again.</param>
    /// <param name="stop">Ends the measurement between two prompts.</param>
    /// <exception cref="LabException">No token is read again behind another, or a piece would leave the model's context.</exception>
    public static CopyLoss Measure(Decoder decoder, IReadOnlyList<int[]> prompts, IReplay replay, CancellationToken stop = default)
    {
        var (first, again, copied, tokens) = (0.0, 0.0, 0L, 0L);
        foreach (var prompt in prompts)
        {
            stop.ThrowIfCancellationRequested();
            var config = decoder.Config;
            using var whole = new RaggedCache(new(config.Layers, config.KvHeads, config.HeadDim));
            var reading = Read(decoder, prompt, whole);                        // of token i + 1
            foreach (var piece in replay.Plan(prompt))
            {
                var second = Read(decoder, piece.Ids, whole);
                whole.Truncate(prompt.Length);
                var lead = piece.Ids.Length - piece.Count;
                for (var i = Math.Max(1, lead); i < piece.Ids.Length; i++)
                {
                    first += reading[piece.First + i - lead - 1].Loss;
                    again += second[i - 1].Loss;
                    if (second[i - 1].Likeliest) copied++;
                    tokens++;
                }
            }
        }
        return tokens > 0 ? new(first / tokens, again / tokens, (double)copied / tokens, tokens)
            : throw new LabException("copy loss: no token is read again behind another: give longer prompts, or larger pieces");
    }

    /// <summary>Of each token but the first its -ln p, and whether it was the likeliest.</summary>
    private static List<(double Loss, bool Likeliest)> Read(Decoder decoder, int[] ids, RaggedCache cache)
    {
        var read = new List<(double, bool)>();
        for (var row = 0; row < ids.Length; row += BlockRows)
        {
            using var scope = NewDisposeScope();
            var block = ids.AsSpan(row, Math.Min(BlockRows, ids.Length - row));
            var logits = decoder.Prefill(block, cache, allLogits: true).cpu();
            long[] next = [.. ids.Skip(row + 1).Take(block.Length).Select(id => (long)id)];
            if (next.Length == 0) continue;
            var (rows, wanted) = (logits.narrow(0, 0, next.Length).log_softmax(1), tensor(next).unsqueeze(1));
            var (losses, likeliest) = (rows.gather(1, wanted).neg().data<float>().ToArray(), rows.argmax(1).data<long>().ToArray());
            for (var i = 0; i < next.Length; i++) read.Add((double.IsFinite(losses[i]) ? losses[i] : throw ModelOverflow.InLogits("NaN", (int)next[i]), likeliest[i] == next[i]));
        }
        return read;
    }
}
