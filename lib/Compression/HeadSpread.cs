namespace HeadKvLab.Compression;

/// <summary>How unequal devices become busy.</summary>
/// <param name="Devices">How many share the heads of every layer.</param>
/// <param name="Steps">Entries that the busiest device of each layer reads for a token, summed over the layers, by those of an equal split: all wait for it. 1 is perfect.</param>
/// <param name="Memory">Entries that the fullest device holds, by those of an equal split.</param>
public sealed record HeadLoad(int Devices, double Steps, double Memory);

/// <summary>
/// Heads of unequal length on several devices. Tensor parallelism gives each device the same number of KV heads of every layer; a layer is done when the device with the most
/// entries is. Equal budgets split evenly whatever head goes where; head-level budgets do not.
/// </summary>
public static class HeadSpread
{
    /// <summary>Neighbouring heads together, as frameworks cut the projections.</summary>
    /// <param name="entries">Entries of the heads, <c>[layer][head]</c>, window included.</param>
    /// <param name="devices">Devices; they divide the heads of a layer.</param>
    /// <exception cref="LabException">The heads cannot be dealt out evenly.</exception>
    public static HeadLoad Contiguous(int[][] entries, int devices) => Of(entries, devices, layer => [.. layer.Chunk(layer.Length / devices).Select(heads => heads.Sum(e => (long)e))], keepPlaces: true);

    /// <summary>
    /// Heads dealt out by their length: the longest first, each to the device of the layer with the fewest entries that still has room for a head; the fuller a device is from
    /// earlier layers, the lighter its part of the next. It costs a permutation of the projections' rows, once.
    /// </summary>
    /// <param name="entries">Entries of the heads, <c>[layer][head]</c>, window included.</param>
    /// <param name="devices">Devices; they divide the heads of a layer.</param>
    /// <exception cref="LabException">The heads cannot be dealt out evenly.</exception>
    public static HeadLoad ByLength(int[][] entries, int devices) => Of(entries, devices, layer =>
    {
        var (loads, heads) = (new long[devices], new int[devices]);
        foreach (var length in layer.OrderDescending())
        {
            var lightest = Enumerable.Range(0, devices).Where(device => heads[device] < layer.Length / devices).MinBy(device => loads[device]);
            loads[lightest] += length;
            heads[lightest]++;
        }
        return loads;
    }, keepPlaces: false);

    private static HeadLoad Of(int[][] entries, int devices, Func<int[], long[]> split, bool keepPlaces)
    {
        if (devices < 1) throw new LabException($"{devices} devices: give 1 or more");
        if (entries.FirstOrDefault(layer => layer.Length % devices != 0) is { } odd) throw new LabException($"{devices} devices: {odd.Length} heads of a layer cannot be dealt out evenly; give a divisor of {odd.Length}");
        var (held, steps) = (new long[devices], 0L);
        foreach (var layer in entries)
        {
            var loads = split(layer);
            steps += loads.Max();
            int[] places = keepPlaces ? [.. Enumerable.Range(0, devices)] : [.. Enumerable.Range(0, devices).OrderBy(device => held[device])];
            long[] parts = keepPlaces ? loads : [.. loads.OrderDescending()];
            for (var i = 0; i < devices; i++) held[places[i]] += parts[i];
        }
        var equal = held.Sum() / (double)devices;
        return new(devices, steps / equal, held.Max() / equal);
    }
}
