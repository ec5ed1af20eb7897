using HeadKvLab.Cache;

namespace HeadKvLab.Compression.Recalls;

/// <summary>What recalls share: checks of their settings, and scores that hide nothing.</summary>
internal static class RecallSettings
{
    /// <summary>A setting within its range.</summary>
    /// <exception cref="LabException">It is below.</exception>
    internal static int AtLeast(int least, int value, string recall, string setting) =>
        value >= least ? value : throw new LabException($"recall {recall}: {setting} {value}: give {least} or more");

    /// <summary>Who chooses, as names say it.</summary>
    internal static string Choice(bool byKvHead) => byKvHead ? ByKvHead : "query-head";

    /// <summary>Query heads of a KV head choose together.</summary>
    internal const string ByKvHead = "kv-head";

    /// <summary>A score that is no number counts as the highest: what overflowed is read, and noticed.</summary>
    internal static float Shown(float score) => float.IsNaN(score) ? float.PositiveInfinity : score;

    /// <summary>At least so much room, for reuse.</summary>
    internal static Span<T> Room<T>(ref T[] buffer, int count)
    {
        if (buffer.Length < count) buffer = new T[count + count / 4];
        return buffer.AsSpan(0, count);
    }

    /// <summary>Chooses ascending entries, neighbours together.</summary>
    internal static void Add(RecallChoice choice, ReadOnlySpan<int> entries)
    {
        for (int i = 0, next; i < entries.Length; i = next)
        {
            next = i + 1;
            while (next < entries.Length && entries[next] == entries[next - 1] + 1) next++;
            choice.Add(entries[i], next - i);
        }
    }
}
