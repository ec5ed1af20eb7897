using TorchSharp;

namespace HeadKvLab.Cache;

/// <summary>
/// A second reading of a prompt. Once it is read its tokens are read again, a piece at a time, as a text that goes on from it: they see all of the prompt, which no method has
/// compressed yet, and their own entries are taken back. What their queries attend to is measured, layer by layer. Scorers that ask for one are records: equal ones measure once.
/// </summary>
public interface IReplay
{
    /// <summary>The pieces, in order. Positions that lie in none of them measure 0.</summary>
    /// <param name="prompt">Tokens of the prompt.</param>
    IReadOnlyList<ReplayPiece> Plan(ReadOnlySpan<int> prompt);

    /// <summary>Measures one layer.</summary>
    /// <param name="layer">Keys and values of the prompt and, behind them, of the tokens that read it again; all queries of these, and what came into the layer with them.</param>
    /// <param name="piece">The piece that was read.</param>
    /// <returns>A number for each position of the piece, <c>[queryHead, position]</c>; the current dispose scope's.</returns>
    torch.Tensor Measure(in LayerView layer, ReplayPiece piece);
}

/// <summary>A piece of a prompt that is read again.</summary>
/// <param name="First">Its first position.</param>
/// <param name="Count">Its positions.</param>
/// <param name="Ids">The tokens that are read, which need not be those of the piece alone.</param>
public sealed record ReplayPiece(int First, int Count, int[] Ids);
