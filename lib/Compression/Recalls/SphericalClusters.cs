using HeadKvLab.Kernels;

namespace HeadKvLab.Compression.Recalls;

/// <summary>
/// k-means by cosine, from evenly spaced rows: a row goes to the centroid of the largest cosine (of equals the first), a centroid is the plain mean of its rows. A cluster
/// that got none takes the row least similar to its own centroid (of equals the later) from a cluster of several. Ends when nothing changes. A row of zeros, and
/// one that is no number, has cosine 0 to everything.
/// </summary>
internal static class SphericalClusters
{
    private const int MostRounds = 20;

    /// <summary>Clusters rows.</summary>
    /// <param name="rows"><c>[row, dim]</c>.</param>
    /// <param name="dim">Numbers of a row.</param>
    /// <param name="clusters">1 to the number of rows.</param>
    /// <returns>The cluster of each row, and the centroids, <c>[cluster, dim]</c>.</returns>
    internal static (int[] Of, float[] Centroids) Make(ReadOnlySpan<float> rows, int dim, int clusters)
    {
        var count = rows.Length / dim;
        var (of, before, cosines, sizes) = (new int[count], new int[count], new float[count], new int[clusters]);
        var centroids = new float[clusters * dim];
        var padded = (clusters + 15) / 16 * 16;
        var (directions, products) = (new float[dim * padded], new float[padded]); // [dim, cluster], [cluster]
        for (var c = 0; c < clusters; c++) rows.Slice((int)((long)c * count / clusters) * dim, dim).CopyTo(centroids.AsSpan(c * dim));
        for (var round = 0; round < MostRounds; round++)
        {
            (of, before) = (before, of);
            Normalise(centroids, directions, dim);
            Assign(rows, dim, directions, products, of, cosines, sizes);
            FillEmpty(of, cosines, sizes);
            Average(rows, dim, of, sizes, centroids);
            if (round > 0 && of.AsSpan().SequenceEqual(before)) break;
        }
        return (of, centroids);
    }

    /// <summary>Centroids of length 1, transposed.</summary>
    private static void Normalise(ReadOnlySpan<float> centroids, Span<float> directions, int dim)
    {
        var padded = directions.Length / dim;
        for (var c = 0; c < centroids.Length / dim; c++)
        {
            var centroid = centroids.Slice(c * dim, dim);
            var length = MathF.Sqrt(Elementwise.Dot(centroid, centroid));
            for (var i = 0; i < dim; i++) directions[i * padded + c] = length > 0 ? centroid[i] / length : 0;
        }
    }

    /// <summary>Each row's cluster and cosine. Its own length changes no order inside a row, and between rows only which is least similar.</summary>
    private static void Assign(ReadOnlySpan<float> rows, int dim, ReadOnlySpan<float> directions, float[] products, int[] of, float[] cosines, int[] sizes)
    {
        Array.Clear(sizes);
        for (var row = 0; row < of.Length; row++)
        {
            var numbers = rows.Slice(row * dim, dim);
            Elementwise.Columns(numbers, directions, products);
            var (best, most) = (0, float.NegativeInfinity);
            for (var c = 0; c < sizes.Length; c++)
            {
                var product = float.IsNaN(products[c]) ? 0 : products[c];
                if (product > most) (best, most) = (c, product);
            }
            var length = MathF.Sqrt(Elementwise.Dot(numbers, numbers));
            (of[row], cosines[row]) = (best, length > 0 ? most / length : 0);
            sizes[best]++;
        }
    }

    private static void FillEmpty(int[] of, float[] cosines, int[] sizes)
    {
        for (var c = 0; c < sizes.Length; c++)
        {
            if (sizes[c] > 0) continue;
            var (least, at) = (float.PositiveInfinity, -1);
            for (var row = 0; row < of.Length; row++)
                if (sizes[of[row]] > 1 && cosines[row] <= least) (least, at) = (cosines[row], row);
            sizes[of[at]]--;
            (of[at], cosines[at], sizes[c]) = (c, 1, 1);
        }
    }

    private static void Average(ReadOnlySpan<float> rows, int dim, int[] of, int[] sizes, float[] centroids)
    {
        var sums = new double[centroids.Length]; // of equal rows the mean is that row, exactly
        for (var row = 0; row < of.Length; row++)
            for (var i = 0; i < dim; i++) sums[of[row] * dim + i] += rows[row * dim + i];
        for (var i = 0; i < sums.Length; i++) centroids[i] = (float)(sums[i] / sizes[i / dim]);
    }
}
