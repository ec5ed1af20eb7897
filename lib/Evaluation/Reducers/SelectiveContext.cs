using HeadKvLab.Models;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace HeadKvLab.Evaluation.Reducers;

/// <summary>
/// Selective Context (arXiv 2310.06201): what the model could not have guessed stays. Self-information of a token is -log p(token | all before it), read by the model that answers;
/// of a sentence the mean over its tokens. To make the index costs a prefill of the whole context with the logits of every token, in pieces.
/// </summary>
/// <param name="tokens">Whether single tokens are chosen; else sentences.</param>
/// <param name="keep">See <see cref="IReducer.Keep"/>.</param>
public sealed class SelectiveContext(bool tokens = false, double? keep = null) : IReducer
{
    private const int Piece = 256; // tokens whose logits are held at once

    /// <inheritdoc/>
    public string Name => ReducerSettings.Name("Selective-Context", keep, ("unit", tokens ? "token" : "sentence"));

    /// <inheritdoc/>
    public bool AsksQuestion => false;

    /// <inheritdoc/>
    public double? Keep => keep;

    /// <inheritdoc/>
    public ISegmentIndex Index(ReducibleContext context)
    {
        var information = Information(context);
        var segments = tokens ? Segmentation.Pieces(context.Tokens.Length, 1) : Segmentation.Sentences(context.Model.Tokenizer, context.Tokens);
        return new FixedScores(segments, [.. segments.Select(segment => information.AsSpan(segment.Start, segment.Length).ToArray().Average())]);
    }

    /// <summary>-log p of every token of the context; of one that nothing stands before, 0.</summary>
    internal static double[] Information(ReducibleContext context)
    {
        int[] ids = [.. context.Before, .. context.Tokens];
        var information = new double[ids.Length];
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        var states = context.Model.Decoder.Hidden(ids, layers: null);
        for (var first = 0; first < ids.Length - 1; first += Piece)
        {
            using var piece = NewDisposeScope();
            var count = Math.Min(Piece, ids.Length - 1 - first);
            var logs = F.log_softmax(context.Model.Decoder.Logits(states.narrow(0, first, count)).to(ScalarType.Float32), 1);
            var next = tensor(ids.AsSpan(first + 1, count).ToArray(), ScalarType.Int64, device: logs.device).unsqueeze(1);
            logs.gather(1, next).neg().to(ScalarType.Float64).cpu().data<double>().ToArray().CopyTo(information, first + 1);
        }
        return information[context.Before.Length..];
    }
}
