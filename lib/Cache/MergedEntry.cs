namespace HeadKvLab.Cache;

/// <summary>One entry that stands for several dropped ones: attention counts it <see cref="Dropped"/> times.</summary>
/// <param name="Key">Mean of their keys, <c>[dim]</c>.</param>
/// <param name="Value">Mean of their values, <c>[dim]</c>.</param>
/// <param name="Dropped">How many they are; 0 when nothing was dropped and nothing is stored.</param>
public readonly record struct MergedEntry(float[] Key, float[] Value, int Dropped);
