namespace HeadKvLab.Cache;

/// <summary>
/// Receives the layers of one prefill in order and stores what it wants of them, so that only one layer is ever uncompressed.
/// The model knows nothing else of eviction.
/// </summary>
public interface IPromptSink
{
    /// <summary>What the sink must see beside keys and values; asked before each layer.</summary>
    ScorerNeeds Needs { get; }

    /// <summary>Takes one layer; called once for each layer, in ascending order.</summary>
    void Accept(in LayerView layer);
}
