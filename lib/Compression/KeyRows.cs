using HeadKvLab.Cache;
using static TorchSharp.torch;

namespace HeadKvLab.Compression;

/// <summary>Small computations that scorers of keys and values share.</summary>
internal static class KeyRows
{
    /// <summary>Lengths of a layer's rows, <c>[kvHead, 1, position]</c>.</summary>
    internal static Tensor Lengths(Tensor rows) => rows.mul(rows).sum(2).sqrt().unsqueeze(1);

    /// <summary>Rows of length 1 in their place; a zero row stays.</summary>
    internal static Tensor Directions(Tensor rows) => rows / rows.norm(2, true).clamp(min: 1e-12);

    /// <summary>The product x A x of each row with the matrix of each query head, <c>[kvHead, group, position]</c>.</summary>
    /// <param name="rows"><c>[kvHead, position, dim]</c>.</param>
    /// <param name="matrices"><c>[queryHead, dim, dim]</c>.</param>
    internal static Tensor Quadratic(Tensor rows, Tensor matrices)
    {
        var each = ForGroups(rows, matrices.shape[0] / rows.shape[0]);
        return each.bmm(matrices).mul(each).sum(2).view(rows.shape[0], -1, rows.shape[1]);
    }

    /// <summary>Each KV head's rows once for every query head that shares them, <c>[queryHead, position, dim]</c>.</summary>
    internal static Tensor ForGroups(Tensor rows, long group) => rows.unsqueeze(1).expand(rows.shape[0], group, rows.shape[1], rows.shape[2]).reshape(-1, rows.shape[1], rows.shape[2]);

    /// <summary>A table's numbers of the query heads that read a view's keys, <c>[kvHead, group, number]</c>.</summary>
    /// <param name="table">The table.</param>
    /// <param name="layer">All heads of a layer, or some.</param>
    /// <param name="width">Numbers of a head.</param>
    /// <exception cref="LabException">The table is another model's.</exception>
    internal static Tensor OfHeads(HeadVectors table, in LayerView layer, int width)
    {
        var (owners, heads) = ((int)layer.Keys.shape[0], (int)layer.Queries.shape[0]);
        return tensor(table.Of(layer.Layer, layer.FirstHead * (heads / owners), heads, width).ToArray()).view(owners, -1, width);
    }

    /// <summary>Puts the first positions of a text above all others, and its last entries: they get the largest score plus 1.</summary>
    internal static void Protect(in LayerView layer, HeadRows<float> scores, int first, int last = 0)
    {
        var most = 0f;
        foreach (var score in scores.All) most = Math.Max(most, float.IsFinite(score) ? score : 0);
        for (var h = 0; h < scores.Heads; h++)
        {
            for (var j = 0; j < scores.Length && layer.Position(scores.KvHead(h, layer), j) < first; j++) scores[h][j] = most + 1;
            scores[h][^Math.Min(last, scores.Length)..].Fill(most + 1);
        }
    }
}
