using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Cache;

/// <summary>
/// The entries of a <see cref="RaggedCache"/> on a device, for decoding by tensor operations: in each layer heads of similar length lie side by side
/// in one padded tensor, so that attention takes a few products for a layer and no loop over heads. A group's longest head is at most
/// twice its shortest, so at most half of what is read is padding; <see cref="ReservedBytes"/> tells the whole.
/// </summary>
public sealed class GroupedCache : IDisposable
{
    private const float Hidden = -1e30f;

    private readonly List<Group>[] _layers;
    private readonly int _start;    // tokens of the source
    private readonly Tensor _one;   // a number 0, written where an entry becomes visible

    /// <summary>Copies a cache.</summary>
    /// <param name="source">What is stored; it stays as it is.</param>
    /// <param name="device">Where to.</param>
    /// <param name="type">Type of the stored numbers; products run in it.</param>
    /// <param name="room">Tokens that can be appended.</param>
    /// <exception cref="LabException">Layers of it are shared, or there is no room.</exception>
    public GroupedCache(RaggedCache source, Device device, ScalarType type, int room)
    {
        if (source.Layers is { } layers) throw new LabException($"{layers.Name}: layers share entries on the CPU only: load the model without a device (leave --device out)");
        if (room < 1) throw new LabException($"room for {room} more tokens: give at least 1");
        (LogicalLength, KvHeads) = (source.LogicalLength, source.Shape.KvHeads);
        using var quiet = no_grad();
        _one = zeros(1, device: device).DetachFromDisposeScope();
        _start = LogicalLength;
        _layers = new List<Group>[source.Shape.Layers];
        try
        {
            for (var layer = 0; layer < _layers.Length; layer++) AddGroups(_layers[layer] = [], source[layer], device, type, room);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Tokens seen so far: the position of the next token.</summary>
    public int LogicalLength { get; private set; }

    /// <summary>Heads of a layer that own entries.</summary>
    public int KvHeads { get; }

    /// <summary>Bytes of the tensors, padding and room included.</summary>
    public long ReservedBytes => _layers.Sum(groups => groups.Sum(g => g.Keys.NumberOfElements * g.Keys.ElementSize * 2));

    /// <summary>Tensors of a layer that attention runs over.</summary>
    public int GroupsIn(int layer) => _layers[layer].Count;

    /// <summary>Appends one token to every head of a layer.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="keys">Its keys after RoPE, <c>[kvHead, dim]</c>.</param>
    /// <param name="values">Its values, same shape.</param>
    /// <exception cref="InvalidOperationException">The room is used up.</exception>
    public void Append(int layer, Tensor keys, Tensor values)
    {
        using var scope = NewDisposeScope();
        foreach (var group in _layers[layer])
        {
            if (group.Used - group.Longest != LogicalLength - _start) throw new InvalidOperationException($"layer {layer}: an earlier token failed halfway; make the cache anew");
            if (group.Used == group.Room) throw new InvalidOperationException($"layer {layer}: the cache has no room left; reserve more when it is made");
            var (rows, dim) = (group.Count * group.Room, keys.shape[1]);
            group.Keys.view(rows, dim).index_copy_(0, group.Ends, Of(group, keys).to(group.Keys.dtype));
            group.Values.view(rows, dim).index_copy_(0, group.Ends, Of(group, values).to(group.Values.dtype));
            group.Bias.view(rows).index_copy_(0, group.Ends, _one.expand(group.Count));
            group.Positions.view(rows).index_fill_(0, group.Ends, LogicalLength);
            group.Ends.add_(1);
            group.Used++;
        }
    }

    /// <summary>Attention of one token's queries.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="queries">Queries after RoPE, <c>[queryHead, dim]</c>.</param>
    /// <param name="scale">Factor of the logits.</param>
    /// <param name="slidingWindow">Positions the token sees, itself included; null: all that are stored.</param>
    /// <returns><c>[queryHead, dim]</c>, float32.</returns>
    public Tensor Attend(int layer, Tensor queries, float scale, int? slidingWindow = null)
    {
        using var scope = NewDisposeScope();
        var (dim, perHead) = (queries.shape[1], queries.shape[0] / KvHeads);
        var byHead = (queries * scale).view(KvHeads, perHead, dim);
        var mixed = _layers[layer].Count == 1 ? null : zeros_like(byHead);
        foreach (var group in _layers[layer])
        {
            var type = group.Keys.dtype;
            var logits = Of(group, byHead).to(type).bmm(group.Keys.narrow(1, 0, group.Used).transpose(1, 2)).to(ScalarType.Float32);
            logits.add_(group.Bias.narrow(2, 0, group.Used));
            if (slidingWindow is { } window) logits.masked_fill_(group.Positions.narrow(2, 0, group.Used).le(LogicalLength - window), Hidden);
            var weights = logits.softmax(-1).to(type);
            var part = weights.bmm(group.Values.narrow(1, 0, group.Used)).to(ScalarType.Float32);
            if (mixed is null) return part.view(queries.shape[0], dim).MoveToOuterDisposeScope();
            mixed.index_copy_(0, group.Heads, part);
        }
        return mixed!.view(queries.shape[0], dim).MoveToOuterDisposeScope();
    }

    /// <summary>Counts a token whose entries have been appended to every layer.</summary>
    public void Advance() => LogicalLength++;

    /// <summary>Releases all tensors.</summary>
    public void Dispose()
    {
        _one.Dispose();
        foreach (var group in _layers.SelectMany(groups => groups ?? []))
            foreach (var tensor in (Tensor[])[group.Heads, group.Keys, group.Values, group.Bias, group.Positions, group.Ends]) tensor.Dispose();
    }

    private Tensor Of(Group group, Tensor heads) => group.Count == KvHeads ? heads : heads.index_select(0, group.Heads);

    /// <summary>Heads in order of length, a new group where one would be twice the shortest of its group.</summary>
    private static void AddGroups(List<Group> groups, LayerCache layer, Device device, ScalarType type, int room)
    {
        var counts = layer.Counts.ToArray();
        int[] order = [.. Enumerable.Range(0, counts.Length).OrderBy(h => counts[h])];
        for (int first = 0, end; first < order.Length; first = end)
        {
            for (end = first + 1; end < order.Length && counts[order[end]] <= 2 * Math.Max(16, counts[order[first]]); end++) { }
            int[] heads = [.. order[first..end].Order()];
            groups.Add(Pack(layer, heads, counts[order[end - 1]], room, device, type));
        }
    }

    private static Group Pack(LayerCache layer, int[] heads, int longest, int room, Device device, ScalarType type)
    {
        using var scope = NewDisposeScope();
        var (rows, dim) = (longest + room, layer.KeysOf(heads[0]).shape[1]);
        Tensor keys = zeros(heads.Length, rows, dim, type, device), values = zeros(heads.Length, rows, dim, type, device), bias = full(heads.Length, 1, rows, Hidden), positions = zeros(heads.Length, 1, rows, ScalarType.Int32);
        var ends = new long[heads.Length];
        for (var i = 0; i < heads.Length; i++)
        {
            var count = layer.Counts[heads[i]];
            keys[i].narrow(0, 0, count).copy_(layer.KeysOf(heads[i]));
            values[i].narrow(0, 0, count).copy_(layer.ValuesOf(heads[i]));
            bias[i].narrow(1, 0, count).fill_(0);
            bias[i].narrow(1, 0, 1).fill_(layer.BiasOf(heads[i]));
            positions[i, 0].narrow(0, 0, count).copy_(tensor(layer.Positions(heads[i]).ToArray()));
            ends[i] = (long)i * rows + count;
        }
        Tensor[] whole = [tensor([.. heads.Select(h => (long)h)]).to(device), keys, values, bias.to(device), positions.to(device), tensor(ends).to(device)];
        foreach (var made in whole) made.DetachFromDisposeScope();
        return new Group(heads.Length, rows, longest, whole[0], whole[1], whole[2], whole[3], whole[4], whole[5]);
    }

    private sealed record Group(int Count, int Room, int Longest, Tensor Heads, Tensor Keys, Tensor Values, Tensor Bias, Tensor Positions, Tensor Ends)
    {
        /// <summary>Columns in use: the longest head's.</summary>
        internal int Used { get; set; } = Longest;
    }
}
