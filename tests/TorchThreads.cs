namespace HeadKvLab.Tests;

/// <summary>Tests that set or read the number of threads libtorch uses, a setting of the whole process: never beside others.</summary>
[CollectionDefinition("torch threads", DisableParallelization = true)]
public sealed class TorchThreads;
