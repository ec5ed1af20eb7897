namespace HeadKvLab.Compression;

/// <summary>How many entries each head keeps: an <see cref="IAllocator"/>, or an <see cref="IBidder"/> where all heads of the model compete.</summary>
public interface IShare
{
    /// <summary>Whether the budget has a say in it. Where it has none, <c>as-published</c> compresses a prompt that would fit into the budget, too.</summary>
    bool FollowsBudget => true;
}
