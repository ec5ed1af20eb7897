namespace HeadKvLab.Kernels;

/// <summary>Queries of the channels that keys keep.</summary>
internal static unsafe class KeptChannels
{
    /// <summary>Gathers the queries of a task, once for all its entries; what lies between two of them is 0.</summary>
    /// <param name="head">The task.</param>
    /// <param name="queries">Receives them, <c>[query, channel]</c>.</param>
    /// <param name="apart">Numbers from a query to the next.</param>
    internal static float* Gather(in HeadTask head, float* queries, int apart)
    {
        var channels = head.Blocks.Format.KeyDim(head.Dim);
        new Span<float>(queries, head.Group * apart).Clear();
        for (var g = 0; g < head.Group; g++)
            for (var c = 0; c < channels; c++) queries[g * apart + c] = head.Queries[g * head.Dim + (head.Channels == null ? c : head.Channels[c])];
        return queries;
    }
}
