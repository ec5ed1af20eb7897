namespace HeadKvLab.Tests.Libtorch;

/// <summary>Tests that look at the whole process (its memory, its random numbers, its speed) and so run while no other test does.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class Alone
{
    internal const string Name = "alone";
}
