namespace HeadKvLab.Evaluation.Protocols;

/// <summary>Where the first token of an answer comes from; written into every result.</summary>
public enum FirstToken
{
    /// <summary>The last prompt token is run once more on the compressed cache: the whole answer depends on what was kept. The default.</summary>
    RecomputeLast,

    /// <summary>From the uncompressed prefill, as published: one-token answers never degrade.</summary>
    FullFirst,
}
